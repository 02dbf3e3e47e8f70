"""Entities."""

from bert_tf import config as c


def get_config() -> c.ExperimentConfig:
    return c.ExperimentConfig(
        model=c.BertConfig(use_pooler=False),
        data=c.DataConfig(max_seq_length=16, doc_stride=8),
        task=c.TaskConfig(name="token_classification", tag_scheme="iob2"),
        optimizer=c.OptimizerConfig(learning_rate=2e-2, bias_correction=True),
        train=c.TrainConfig(
            global_batch_size=4, num_train_steps=60, steps_per_loop=20, eval_batch_size=8
        ),
    )
