r"""A tiny ALBERT: n-gram masks, the order of sentences, LAMB.

    python scripts/train_vocab.py --input='train*.jsonl' --output_dir=vocab --vocab_size=8000
    python scripts/create_pretraining_data.py --input='train*.jsonl' --vocab_file=vocab \
        --objective=sentence_order --output_dir=data/train --max_seq_length=64
    python scripts/create_pretraining_data.py --input='valid*.jsonl' --vocab_file=vocab \
        --objective=sentence_order --output_dir=data/valid --max_seq_length=64
    python scripts/pretrain.py --config=pretrain/albert --train_data=data/train \
        --eval_data=data/valid --work_dir=work/albert

Two layers of 128 that share their weights, and embeddings of 64. As in Lan et al. 2019, n-grams of
up to three words are masked, the model tells swapped sentences from others, and LAMB moves it.
"""

from bert_tf.config import experiment
from bert_tf.models import albert
from bert_tf.tasks import pretraining


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=albert.Config(
            vocab_size=8000,
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=512,
            max_position_embeddings=128,
            embedding_size=64,
        ),
        data=experiment.DataConfig(max_seq_length=64),
        task=pretraining.Config(max_predictions_per_seq=10, do_whole_word_mask=True, max_ngram=3),
        optimizer=experiment.OptimizerConfig(
            name="lamb",
            learning_rate=0.005,
        ),
        train=experiment.TrainConfig(
            global_batch_size=32,
            num_train_steps=2000,
            steps_per_loop=50,
            checkpoint_every=1000,
        ),
    )
