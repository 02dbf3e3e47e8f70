"""A classifier on SST-2, or on any file with the columns `sentence` and `label`.

    python scripts/finetune.py --config=configs/finetune/sst2.py \\
        --train_data=SST-2/train.tsv --eval_data=SST-2/dev.tsv \\
        --init_checkpoint=work/mini --work_dir=work/sst2
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
        model=BertConfig.from_size("mini"),
        data=DataConfig(max_seq_length=64),
        task=TaskConfig(name="classification"),
        optimizer=OptimizerConfig(learning_rate=3e-4, bias_correction=True),
        train=TrainConfig(
            global_batch_size=32,
            num_train_epochs=4.0,
            steps_per_loop=20,
            dtype="mixed_bfloat16",
        ),
    )
