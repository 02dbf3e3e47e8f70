"""Where a model fails: numbers from what became of each row, in NumPy alone.

A task says in `Score.judge` what became of its rows (`judged.Judged`). Everything else is computed
here, for every task alike, and `bert_tf.report.errors_page` shows it. Nothing here knows a task.
"""
