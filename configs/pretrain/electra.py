r"""A small ELECTRA (4 layers of 256): a generator fills masks, the model finds the replaced tokens.

    python scripts/create_pretraining_data.py --input='train*.jsonl.gz' --vocab_file=vocab \\
        --objective=none --output_dir=data/train --max_seq_length=64
    python scripts/pretrain.py --config=configs/pretrain/electra.py \\
        --train_data=data/train --eval_data=data/valid --work_dir=work/electra

`work/electra/model` is the discriminator, which is fine-tuned, and `work/electra/generator` the
generator, a masked LM. The weights of the losses, the masks and the generator's share of the width
are those of google-research/electra.
"""

from bert_tf.config import experiment
from bert_tf.models import electra
from bert_tf.tasks import replaced_tokens


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=electra.Config(
            vocab_size=8000,
            embedding_size=128,
            hidden_size=256,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=1024,
            max_position_embeddings=128,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        ),
        data=experiment.DataConfig(max_seq_length=64),
        task=replaced_tokens.Config(max_predictions_per_seq=10),
        optimizer=experiment.OptimizerConfig(learning_rate=1e-3, bias_correction=True),
        train=experiment.TrainConfig(
            global_batch_size=32,
            num_train_steps=10_000,
            steps_per_loop=50,
            eval_every=5000,
            checkpoint_every=1000,
            dtype="mixed_bfloat16",
        ),
    )
