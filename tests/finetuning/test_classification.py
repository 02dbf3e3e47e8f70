"""Labelled texts before training: what is learned from the files, and what is said of them."""

import pytest

from bert_tf.config import experiment
from bert_tf.tasks.classification import Config
from bert_tf.tasks.classification import prepare as classification
from bert_tf.tasks.classification.labels import MULTI, SINGLE
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a", "b"]))


@pytest.fixture
def prepare(tmp_path):
    """Prepares a TSV file of texts and labels, which is sorted by label."""

    def prepare_file(max_train_examples, problem_type=SINGLE):
        path = tmp_path / "train.tsv"
        rows = [f"a {i}\t{'neg' if i < 20 else 'pos'}\n" for i in range(40)]
        path.write_text("sentence\tlabel\n" + "".join(rows))
        config = experiment.ExperimentConfig(
            data=experiment.DataConfig(max_seq_length=8, max_train_examples=max_train_examples),
            task=Config(problem_type=problem_type),
        )
        return classification.prepare(config, classification.Files(str(path)), TOKENIZER)

    return prepare_file


@pytest.mark.parametrize("problem_type", [SINGLE, MULTI])
def test_a_label_that_the_limit_cuts_off_is_warned_about(prepare, problem_type, caplog):
    data = prepare(20, problem_type)
    assert data.looked["splits"]["train"]["labels"] == {"neg": 18, "pos": 0}
    assert (
        "train.tsv: none of the training examples has the label 'pos'; only the first 20 are read "
        "(data.max_train_examples)"
    ) in caplog.text


def test_nothing_is_said_of_labels_that_training_has(prepare, caplog):
    prepare(0)
    prepare(30)
    assert "none of the training examples" not in caplog.text
