"""Pairs of texts, with evaluations."""

from bert_tf import config as c


def get_config() -> c.ExperimentConfig:
    return c.ExperimentConfig(
        model=c.BertConfig(
            vocab_size=44,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=32,
            initializer_range=0.1,
        ),
        data=c.DataConfig(max_seq_length=32, max_predictions_per_seq=5, do_whole_word_mask=True),
        task=c.TaskConfig(name="pretraining"),
        optimizer=c.OptimizerConfig(learning_rate=1e-2, bias_correction=True),
        train=c.TrainConfig(
            global_batch_size=8,
            num_micro_batches=2,
            num_train_steps=64,
            steps_per_loop=4,
            eval_batch_size=8,
            eval_every=16,
            checkpoint_every=16,
            keep_checkpoints=9,
        ),
    )
