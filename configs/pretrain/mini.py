"""BERT-mini (4 layers of 256, 11 M parameters), masked LM and next sentence, length 128.

    python scripts/pretrain.py --config=configs/pretrain/mini.py \
        --train_data=data/train --eval_data=data/valid --work_dir=work/mini
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
        data=DataConfig(max_seq_length=128, max_predictions_per_seq=20),
        task=TaskConfig(name="pretraining"),
        optimizer=OptimizerConfig(learning_rate=1e-3, warmup_proportion=0.1),
        train=TrainConfig(
            global_batch_size=32,
            num_train_steps=2000,
            steps_per_loop=20,
            eval_every=500,
            checkpoint_every=500,
            dtype="mixed_bfloat16",
        ),
    )
