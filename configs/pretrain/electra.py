r"""A tiny ELECTRA: a generator fills masks, the model finds the replaced tokens.

    python scripts/train_vocab.py --input='train*.jsonl' --output_dir=vocab --vocab_size=8000
    python scripts/create_pretraining_data.py --input='train*.jsonl' --vocab_file=vocab \
        --objective=none --output_dir=data/train --max_seq_length=64
    python scripts/create_pretraining_data.py --input='valid*.jsonl' --vocab_file=vocab \
        --objective=none --output_dir=data/valid --max_seq_length=64
    python scripts/pretrain.py --config=pretrain/electra --train_data=data/train \
        --eval_data=data/valid --work_dir=work/electra

Two layers of 128, embeddings of 64 that the generator shares, which is half as wide.
`work/electra/model` is the discriminator, which is fine-tuned; `work/electra/generator` is the
generator, a masked LM. The weights of the losses and the masks are those of Clark et al. 2020.
"""

from bert_tf.config import experiment
from bert_tf.models import electra
from bert_tf.tasks import replaced_tokens


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=electra.Config(
            vocab_size=8000,
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=512,
            max_position_embeddings=128,
            embedding_size=64,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        ),
        data=experiment.DataConfig(max_seq_length=64),
        task=replaced_tokens.Config(max_predictions_per_seq=10, generator_hidden_size=0.5),
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
