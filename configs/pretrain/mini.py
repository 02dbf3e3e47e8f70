"""BERT-mini (4 layers of 256, 11 M parameters), masked LM and next sentence, length 128.

    python scripts/pretrain.py --config=configs/pretrain/mini.py \\
        --train_data=data/train --eval_data=data/valid --work_dir=work/mini

A recipe for an hour or less of a small machine, where every example is seen once: no dropout, and
bias-corrected Adam. Without the correction the first updates are three times too large, and the
masked-LM loss stays where it is for a model that only counts words.
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
        model=BertConfig.from_size(
            "mini", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        ),
        data=DataConfig(max_seq_length=128, max_predictions_per_seq=20),
        task=TaskConfig(name="pretraining"),
        optimizer=OptimizerConfig(learning_rate=1e-3, bias_correction=True),
        train=TrainConfig(
            global_batch_size=16,
            num_train_steps=4500,
            steps_per_loop=50,
            eval_every=1500,
            checkpoint_every=500,
            dtype="mixed_bfloat16",
        ),
    )
