"""scripts/train_vocab.py from the command line: text in, a loadable tokenizer out, or one line."""

import gzip
import pathlib
import subprocess
import sys

from bert_tf.tokenization.tokenizer import Tokenizer

ROOT = pathlib.Path(__file__).parents[2]


def run(*flags: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "scripts" / "train_vocab.py"), *flags]
    environment = {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


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
