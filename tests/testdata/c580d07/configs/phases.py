# ruff: noqa: F403, F405
"""Two lengths, masked words alone, packed rows in the second phase."""

from bert_tf.config import *


def get_config():
    return ExperimentConfig(
        model=BertConfig(
            vocab_size=48,
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=32,
            initializer_range=0.1,
            use_pooler=False,
        ),
        data=DataConfig(max_seq_length=32, max_predictions_per_seq=8, position_range=32),
        task=TaskConfig(name="pretraining", next_sentence=False),
        optimizer=OptimizerConfig(
            name="muon", learning_rate=1e-2, schedule="warmup_stable_decay", decay_proportion=0.5
        ),
        train=TrainConfig(
            global_batch_size=4,
            phases=(
                PhaseConfig(num_train_steps=10, max_seq_length=16, max_predictions_per_seq=3),
                PhaseConfig(
                    num_train_steps=14,
                    global_batch_size=6,
                    num_micro_batches=3,
                    learning_rate=5e-3,
                    warmup_proportion=0.2,
                ),
            ),
            steps_per_loop=4,
            checkpoint_every=4,
            keep_checkpoints=9,
            seed=3,
        ),
    )
