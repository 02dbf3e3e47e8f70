"""A tiny BERT on the documentation that comes with Python: minutes on two cores.

    python scripts/pretrain.py --config=configs/pretrain/quickstart.py \\
        --train_data=quickstart/records/train --eval_data=quickstart/records/heldout \\
        --work_dir=quickstart/pretrain
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
        data=DataConfig(max_seq_length=64, max_predictions_per_seq=10),
        task=TaskConfig(name="pretraining"),
        optimizer=OptimizerConfig(learning_rate=5e-4, bias_correction=True),
        train=TrainConfig(
            global_batch_size=32,
            num_train_steps=2000,
            steps_per_loop=50,
            checkpoint_every=1000,
        ),
    )
