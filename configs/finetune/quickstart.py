"""The classifier of the quickstart: which package of Python is this docstring from?

    python scripts/finetune.py --config=configs/finetune/quickstart.py \\
        --train_data=quickstart/corpus/train.tsv --eval_data=quickstart/corpus/dev.tsv \\
        --init_checkpoint=quickstart/pretrain --work_dir=quickstart/finetune
"""

from bert_tf.config import (
    BertConfig,
    DataConfig,
    ExperimentConfig,
    OptimizerConfig,
    TaskConfig,
    TrainConfig,
)


def get_config() -> ExperimentConfig:
    return ExperimentConfig(
        model=BertConfig.from_size("tiny", vocab_size=8000, max_position_embeddings=128),
        data=DataConfig(max_seq_length=64),
        task=TaskConfig(name="classification"),
        optimizer=OptimizerConfig(learning_rate=1e-3, bias_correction=True),
        train=TrainConfig(global_batch_size=32, num_train_epochs=8.0, steps_per_loop=50),
    )
