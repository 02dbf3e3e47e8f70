r"""A tiny BERT: masked words and next sentences, with Muon.

    python scripts/train_vocab.py --input='train*.jsonl' --output_dir=vocab --vocab_size=8000
    python scripts/create_pretraining_data.py --input='train*.jsonl' --vocab_file=vocab \
        --objective=next_sentence --output_dir=data/train --max_seq_length=64
    python scripts/create_pretraining_data.py --input='valid*.jsonl' --vocab_file=vocab \
        --objective=next_sentence --output_dir=data/valid --max_seq_length=64
    python scripts/pretrain.py --config=pretrain/bert --train_data=data/train \
        --eval_data=data/valid --work_dir=work/bert

Two layers of 128, WordPiece. Masks and pairs are those of Devlin et al. 2018. There is no dropout,
because each row is seen less than once.
"""

from bert_tf.config import experiment
from bert_tf.models import bert
from bert_tf.tasks import pretraining


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=bert.Config(
            vocab_size=8000,
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=512,
            max_position_embeddings=128,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        ),
        data=experiment.DataConfig(max_seq_length=64),
        task=pretraining.Config(max_predictions_per_seq=10),
        optimizer=experiment.OptimizerConfig(
            name="muon",
            update_rms=0.7,
            learning_rate=0.001,
            bias_correction=True,
        ),
        train=experiment.TrainConfig(
            global_batch_size=32,
            num_train_steps=2000,
            steps_per_loop=50,
            checkpoint_every=1000,
        ),
    )
