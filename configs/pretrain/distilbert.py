r"""A tiny DistilBERT: masked words alone; no segments, no pooler.

    python scripts/train_vocab.py --input='train*.jsonl' --output_dir=vocab --vocab_size=8000
    python scripts/create_pretraining_data.py --input='train*.jsonl' --vocab_file=vocab \
        --objective=none --output_dir=data/train --max_seq_length=64
    python scripts/create_pretraining_data.py --input='valid*.jsonl' --vocab_file=vocab \
        --objective=none --output_dir=data/valid --max_seq_length=64
    python scripts/pretrain.py --config=pretrain/distilbert --train_data=data/train \
        --eval_data=data/valid --work_dir=work/distilbert

Two layers of 128, WordPiece. It is trained as an encoder of its own. The recipe
`distill/distilbert` of scripts/distill.py makes one from a larger model, as Sanh et al. 2019 did.
"""

from bert_tf.config import experiment
from bert_tf.models import distilbert
from bert_tf.tasks import pretraining


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=distilbert.Config(
            vocab_size=8000,
            dim=128,
            n_layers=2,
            n_heads=2,
            hidden_dim=512,
            max_position_embeddings=128,
            dropout=0.0,
            attention_dropout=0.0,
        ),
        data=experiment.DataConfig(max_seq_length=64),
        task=pretraining.Config(max_predictions_per_seq=10, next_sentence=False),
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
