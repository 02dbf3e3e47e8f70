"""Files of tagged words around a run: what is held out, and what is refused before training."""

import pytest

from bert_tf.config import experiment
from bert_tf.tasks.sets import Files
from bert_tf.tasks.token_classification import Config, prepare
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *"abcdefgh"]))


def config_of(task=()):
    config = experiment.ExperimentConfig(
        data=experiment.DataConfig(max_seq_length=8, dev_fraction=0.25),
        task=Config(**dict(task)),
    )
    return config.check()


@pytest.fixture
def write(tmp_path):
    def write(rows):
        """A file with a sentence for each letter, of rows such as "1 {} O"."""
        path = tmp_path / "train.conll"
        sentences = ["".join(row.format(letter) + "\n" for row in rows) for letter in "abcdefgh"]
        path.write_text("\n".join(sentences))
        return str(path)

    return write


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (["{} O", "h B-X"], {}),
        (["1 {} O", "2 h B-X"], {"text_column": "2"}),
        (["1 {} x O", "2 h x B-X"], {"text_column": "2"}),
        (["1 {} O x", "2 h B-X x"], {"text_column": "2", "label_column": "3"}),
        (["O {}", "B-X h"], {"text_column": "2", "label_column": "1"}),
    ],
)
def test_what_is_held_out_is_read_back_as_it_was(write, tmp_path, rows, columns):
    config = config_of(columns)
    prepared = prepare.prepare(config, Files(write(rows)), TOKENIZER)
    path = tmp_path / "dev.conll"
    path.write_text("".join(line + "\n" for line in prepared.held_out["dev.conll"]))
    again, _ = prepare.read(str(path), config.task, prepared.facts)
    own = prepared.dev["dev"].examples.sentences
    assert [(s.words, s.tags) for s in again] == [(s.words, s.tags) for s in own] != []


def test_document_context_without_documents_is_said_before_anything_is_held_out(write):
    config = config_of({"document_context": True})
    with pytest.raises(ValueError, match="no -DOCSTART- lines.*document_context=false"):
        prepare.prepare(config, Files(write(["{} O", "h B-X"])), TOKENIZER)
