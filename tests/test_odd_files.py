"""Pipes, names with commas or bytes that are no UTF-8, labels that are HTML, Chinese words."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from bert_tf import files
from bert_tf.checkpoints import hdf5, tensors
from bert_tf.data.building import work_folder
from bert_tf.data.masks.whole_words import check_has_words
from bert_tf.data.records import mixing
from bert_tf.data.text import documents, lines
from bert_tf.export import description
from bert_tf.tokenization.vocabulary import Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from bert_tf.workflows import finetuning


@pytest.fixture
def pipe(tmp_path):
    """A named pipe into which two lines are written."""
    path = tmp_path / "pipe.txt"
    os.mkfifo(path)
    threading.Thread(target=lambda: path.write_text("one\ntwo\n"), daemon=True).start()
    yield str(path)
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))  # lets a writer that waits go


def test_a_pipe_is_read_once_as_text(pipe):
    assert list(lines.read_lines(pipe)) == [(1, "one\n"), (2, "two\n")]


def test_a_pipe_is_text_for_a_vocabulary(pipe):
    assert list(documents.read_texts(pipe)) == ["one", "two"]


@pytest.mark.parametrize(
    "read",
    [
        files.read_json,
        files.sha256,
        tensors.SafetensorsFile,
        work_folder.describe_input,
        lambda path: list(hdf5.datasets(path)),
    ],
)
def test_where_a_file_is_read_again_a_pipe_is_refused_and_nothing_hangs(read, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ValueError, match="pipe is a pipe or a device; expected a file"):
        read(str(path))
    with pytest.raises(ValueError, match="/dev/zero is a pipe or a device"):
        read("/dev/zero")


def test_a_name_with_a_comma_is_put_together_again(tmp_path):
    for name in ("a,b.txt", "c.txt"):
        (tmp_path / name).write_text("x\n")
    names = [f"{tmp_path}/a,b.txt", f"{tmp_path}/c.txt"]
    assert documents.expand_globs(",".join(names).split(",")) == names
    assert finetuning.named(",".join(names).split(","), "dev") == {
        "dev_a,b": names[0],
        "dev_c": names[1],
    }
    assert mixing.parse(f"{names[0]}:0.7, {names[1]}:0.3") == (names, [7, 3])
    assert mixing.parse(",".join(names)) == (names, None)


def test_a_comma_stands_in_quotes_where_no_file_has_that_name():
    assert mixing.parse('"gs://x/a,b:0.7",c:0.3') == (["gs://x/a,b", "c"], [7, 3])
    assert mixing.parse('"a,b/*.tfrecord"') == (["a,b/*.tfrecord"], None)
    with pytest.raises(ValueError, match="A name with a comma in it stands in double quotes"):
        mixing.parse('"a,b')


def test_a_name_that_is_no_utf_8_is_said_in_one_line(tmp_path):
    script = tmp_path / "run.py"
    script.write_text("from bert_tf import app\napp.run(print, needs_keras=False)\n")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    done = subprocess.run(
        [sys.executable, str(script), b"--members=\xff.txt"],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.decode() == (
        "error: --members=\\udcff.txt: the name is not UTF-8. Rename the file, for example with "
        "convmv, or give it a second name with ln.\n"
    )
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("x\n")
    with pytest.raises(ValueError, match="name that is not UTF-8|no file matches"):
        documents.expand_globs(f"{tmp_path}/*.nothing")
        documents.expand_globs(f"{tmp_path}/*.txt")


def test_labels_in_a_model_card_are_text():
    labels = ["<script>alert(1)</script>", "# Heading", "[x](javascript:alert(1))", "a\n\n# b", "ü"]
    about = {
        "task": "classification",
        "format": "onnx",
        "precision": "float32",
        "parameters": 1,
        "max_seq_length": 8,
        "takes_pairs": False,
        "vocabulary": {"tokens": 5, "sha256": "0" * 64},
        "labels": labels,
        "signatures": {},
        "metrics": {"eval": {"<b>loss": 0.5}},
    }
    card = description.model_card(about)
    assert "<script" not in card and "](" not in card and "<b>" not in card
    assert [line for line in card.splitlines() if line.startswith("#")] == [
        "# Classification model",
        "## Signatures",
        "## Scores",
        "## Training data, intended use, limits",
    ]
    assert "ü" in card and r"\# Heading" in card


def test_whole_word_masks_of_text_without_words_are_refused():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "天", "地", "rain", "##s"]
    tokenizer = WordPieceTokenizer(Vocabulary(tokens))
    check_has_words(tokenizer, np.array([7, 8, 7, 5]), "the text")
    with pytest.raises(ValueError, match="the text: 75% of the tokens are single ideographs"):
        check_has_words(tokenizer, np.array([5, 6, 5, 7]), "the text")
