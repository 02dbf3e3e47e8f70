"""Answers as parts of contexts, and no answers."""

from bert_tf import config as c


def get_config() -> c.ExperimentConfig:
    return c.ExperimentConfig(
        model=c.BertConfig(use_pooler=False),
        data=c.DataConfig(max_seq_length=24, doc_stride=8, max_query_length=8, num_widths=2),
        task=c.TaskConfig(name="question_answering", max_answer_length=4, n_best=5),
        optimizer=c.OptimizerConfig(learning_rate=1e-2, bias_correction=True),
        train=c.TrainConfig(
            global_batch_size=6, num_train_steps=400, steps_per_loop=20, eval_batch_size=8
        ),
    )
