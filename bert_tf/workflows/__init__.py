"""What the commands do, as functions: pretrain, finetune, evaluate, predict, export.

They join training, checkpoints and export, which do not know each other. The scripts parse flags
and call these; a notebook calls them by `bert_tf.finetune` and so on.
"""
