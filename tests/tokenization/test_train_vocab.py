"""scripts/train_vocab.py from the command line: text in, a loadable tokenizer out, or one line."""

import gzip
import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf

from bert_tf.tokenization.tokenizer import Tokenizer
from tests.in_process import run_in_process

ROOT = pathlib.Path(__file__).parents[2]


def run(*flags: str) -> subprocess.CompletedProcess:
    return run_in_process(ROOT / "scripts" / "train_vocab.py", *flags)


def test_a_vocabulary_is_learnt_from_text_and_json_lines(tmp_path):
    (tmp_path / "a.txt").write_text("The cat sat.\nThe mat sat.\n\nA Cat!\n")
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as file:
        file.write('{"text": "The café mat."}\n')
    result = run(
        f"--input={tmp_path}/a.txt,{tmp_path}/*.jsonl.gz",
        f"--output_dir={tmp_path}/vocab",
        "--vocab_size=40",
        "--nodo_lower_case",
    )
    assert result.returncode == 0, result.stderr
    tokenizer = Tokenizer.from_folder(f"{tmp_path}/vocab")
    assert tokenizer.do_lower_case is False
    assert {"The", "##at", "é", "##é"} <= set(tokenizer.vocabulary.tokens)
    assert "4 texts, 15 words, 9 of them distinct" in result.stdout
    assert "0.0000% of the words are [UNK]" in result.stdout


def test_a_missing_input_is_one_line_and_writes_nothing(tmp_path):
    result = run(f"--input={tmp_path}/none*.txt", f"--output_dir={tmp_path}/vocab")
    assert result.returncode == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "none*.txt" in errors[0]
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


TEXT = "The quick brown fox.\nThe lazy dog's asleep.\n\nWhere is the fox? 狐 и лис.\n" * 9
SCRIPT = ROOT / "scripts" / "train_vocab.py"


def learn(folder: pathlib.Path, name: str, *words: str) -> subprocess.CompletedProcess:
    (folder / "text.txt").write_text(TEXT)
    return run_in_process(
        SCRIPT, f"--input={folder}/text.txt", f"--output_dir={folder / name}", *words
    )


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("byte_pair", 300),
        ("byte_pair --add_prefix_space", 300),
        ("unigram", 60),
        ("unigram --family=xlm_roberta", 60),
    ],
)
def test_a_kind_is_learned_the_same_every_time(tmp_path, kind, size):
    words = (f"--kind={kind.split()[0]}", *kind.split()[1:], f"--vocab_size={size}")
    results = [learn(tmp_path, name, *words) for name in ("one", "two")]
    assert [result.returncode for result in results] == [0, 0], results[0].stderr
    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two")
    ]
    assert contents[0] == contents[1]
    tokenizer = Tokenizer.from_folder(str(tmp_path / "one"))
    assert size - 30 <= len(tokenizer) <= size
    assert f"{len(tokenizer)} tokens, sha256 {tokenizer.identity[:16]}" in results[0].stdout
    text = "The quick dog is asleep."
    ids = tokenizer.tokenize(tf.constant([text]))
    assert ids.row_lengths().numpy() <= len(text) + 2
    assert tokenizer.decode(ids).numpy() == [tokenizer.word_form(text).encode()]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kind=byte_pair", "--vocab_size=200"], "vocab_size is 200, but the special tokens"),
        (["--kind=unigram", "--vocab_size=3"], "sentencepiece learns no model of 3 tokens"),
        (["--kind=byte_pair", "--limit_alphabet=9"], "--limit_alphabet says nothing of --kind="),
        (["--kind=byte_pair", "--min_frequency=99"], "no two bytes that stand together 99 times"),
    ],
)
def test_what_cannot_be_learned_is_one_line(tmp_path, words, message):
    result = learn(tmp_path, "vocab", *words)
    assert result.returncode == 1
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "vocab").exists()


@pytest.mark.parametrize(
    ("kind", "package"), [("byte_pair", "tokenizers"), ("unigram", "sentencepiece")]
)
def test_a_missing_package_is_named_with_how_to_install_it(tmp_path, monkeypatch, kind, package):
    monkeypatch.setitem(sys.modules, package, None)
    result = learn(tmp_path, "vocab", f"--kind={kind}", "--vocab_size=400")
    assert result.returncode == 1
    assert f"needs the package `{package}`: pip install -e .[vocab]" in result.stderr
