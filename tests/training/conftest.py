"""A small data set and a config that fits it."""

import dataclasses
import pathlib

import pytest

from bert_tf.config.experiment import (
    BertConfig,
    DataConfig,
    ExperimentConfig,
    OptimizerConfig,
    TrainConfig,
)
from bert_tf.data.building.builder import create_pretraining_data
from bert_tf.data.building.settings import DataSettings
from bert_tf.tasks import pretraining
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.learn_vocabulary import count_words, learn_vocabulary
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from tests import corpus


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    """A folder of about 70 rows; not a multiple of any batch size used here."""
    folder = tmp_path_factory.mktemp("records")
    corpus.write_documents(folder / "text.txt")
    text = (folder / "text.txt").read_text()
    vocabulary = learn_vocabulary(count_words(text.splitlines(), True), 150, min_frequency=1)
    create_pretraining_data(
        [str(folder / "text.txt")],
        WordPieceTokenizer(vocabulary, do_lower_case=True),
        str(folder / "data"),
        DataSettings(max_seq_length=32),
    )
    return str(folder / "data")


@pytest.fixture(scope="session")
def short_records(records, tmp_path_factory):
    """The same text in rows of 16 tokens."""
    folder = str(tmp_path_factory.mktemp("short") / "data")
    text = str(pathlib.Path(records).parent / "text.txt")
    settings = DataSettings(max_seq_length=16)
    create_pretraining_data([text], Tokenizer.from_folder(records), folder, settings)
    return folder


@pytest.fixture
def make_run(records):
    """`make_run(**changes of TrainConfig)` -> (task, config) of a tiny model on `records`."""

    def make(optimizer=None, task=None, dropout=0.1, hidden_size=32, layers=1, **train):
        defaults = {
            "global_batch_size": 16,
            "num_train_steps": 10,
            "steps_per_loop": 1,
            "eval_batch_size": 16,
        }
        config = ExperimentConfig(
            model=BertConfig(
                vocab_size=160,
                hidden_size=hidden_size,
                num_hidden_layers=layers,
                num_attention_heads=2,
                intermediate_size=2 * hidden_size,
                max_position_embeddings=32,
                hidden_dropout_prob=dropout,
                attention_probs_dropout_prob=dropout,
            ),
            data=DataConfig(max_seq_length=32),
            task=pretraining.Config(**{"max_predictions_per_seq": 5, **(task or {})}),
            optimizer=dataclasses.replace(OptimizerConfig(learning_rate=1e-3), **(optimizer or {})),
            train=TrainConfig(**{**defaults, **train}),
        )
        return make_task(config, Tokenizer.from_folder(records)), config

    return make
