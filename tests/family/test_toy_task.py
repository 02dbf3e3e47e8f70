"""A task outside of bert_tf, with several sequences in a row, goes through every script."""

import itertools
import json
import pathlib

import pytest
import tensorflow as tf

from bert_tf.tokenization.learn_vocabulary import count_words, learn_vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from tests.family import toy_task
from tests.in_process import run_in_process

SCRIPTS = pathlib.Path(__file__).parents[2] / "scripts"
MEMBERS = f"--members={toy_task.__name__}"
CONFIG = '''"""Tiny."""
from bert_tf.config import *
from bert_tf.models import bert
from tests.family import toy_task


def get_config():
    return ExperimentConfig(
        model=bert.Config(vocab_size=64, hidden_size=16, num_hidden_layers=1,
                          num_attention_heads=2, intermediate_size=32, max_position_embeddings=32),
        task=toy_task.Config(dropout_prob=0.0),
        data=DataConfig(max_seq_length=24, num_widths=2),
        optimizer=OptimizerConfig(learning_rate=1e-2, bias_correction=True),
        train=TrainConfig(global_batch_size=8, num_train_steps=30, steps_per_loop=10),
    )
'''


def run(script: str, *words, stdin: str = "") -> str:
    result = run_in_process(SCRIPTS / f"{script}.py", MEMBERS, *words, stdin=stdin)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With files, a vocabulary, a config and a trained model: the right answer is the bird."""
    folder = tmp_path_factory.mktemp("choice")
    pairs = itertools.product(("hen", "owl", "jay", "emu"), ("cat", "dog", "cow", "pig", "fox"))
    rows = [
        {
            "question": "who flies",
            "answers": [beast, bird] if i % 2 else [bird, beast],
            "right": i % 2,
        }
        for i, (bird, beast) in enumerate(pairs)
    ]
    for name, part in {"train": rows, "dev": rows[::3]}.items():
        lines = [json.dumps(row) + "\n" for row in part]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    words = count_words([json.dumps(row) for row in rows] * 9, do_lower_case=True)
    WordPieceTokenizer(learn_vocabulary(words, 60)).save(str(folder / "vocab"))
    (folder / "config.py").write_text(CONFIG)
    run(
        "finetune",
        f"--config={folder}/config.py",
        f"--train_data={folder}/train.jsonl",
        f"--eval_data={folder}/dev.jsonl",
        f"--vocab_file={folder}/vocab",
        f"--work_dir={folder}/work",
    )
    return folder


def test_it_learns_from_rows_of_several_sequences(folder):
    metrics = json.loads((folder / "work" / "model" / "metrics.json").read_text())
    assert metrics["eval"]["accuracy"] > 0.8


def test_what_was_found_stands_beside_the_settings(folder):
    stored = json.loads((folder / "work" / "model" / "task.json").read_text())
    assert stored["facts"]["num_answers"] == 2
    assert stored["facts"]["widths"] == [16, 24]


def test_evaluate_repeats_the_score(folder):
    words = (f"--model={folder}/work", f"--data={folder}/dev.jsonl", f"--output={folder}/s.json")
    run("evaluate", *words)
    metrics = json.loads((folder / "work" / "model" / "metrics.json").read_text())
    accuracy = json.loads((folder / "s.json").read_text())["accuracy"]
    assert accuracy == pytest.approx(metrics["eval"]["accuracy"])


def test_predict_and_the_exported_model_give_the_same_answer(folder):
    line = "who flies\tcat\towl"
    answer = json.loads(run("predict", f"--model={folder}/work", stdin=line + "\n"))
    run("export", f"--model={folder}/work", f"--output_dir={folder}/served")
    served = tf.saved_model.load(str(folder / "served"))
    outputs = served.signatures["serving_default"](text=tf.constant([line]))
    assert outputs["answer"].numpy() == [answer["answer"]]
    assert outputs["probabilities"].numpy()[0] == pytest.approx(answer["probabilities"], abs=1e-5)


def test_a_line_with_another_number_of_answers_is_refused(folder):
    words = (MEMBERS, f"--model={folder}/work")
    result = run_in_process(SCRIPTS / "predict.py", *words, stdin="who flies\tcat\n")
    assert result.returncode == 1
    assert "1 answers; this model takes 2, a tab before each." in result.stderr


def test_its_report_page_says_where_it_fails_and_compares_it(folder):
    found = json.loads((folder / "work" / "report.json").read_text())
    assert [one["label"] for one in found["sets"]["dev"]["labels"]] == ["0", "1"]
    assert found["training"]["rows"] == 20
    assert "dev: what is right and wrong" in (folder / "work" / "report.html").read_text()
    run(
        "evaluate",
        f"--model={folder}/work",
        f"--data={folder}/dev.jsonl",
        f"--report={folder}/errors.html",
        f"--compare={folder}/work",
    )
    compared = json.loads((folder / "errors.json").read_text())["comparisons"]["dev"]
    assert compared["table"][0]["difference"] == 0 and compared["only_this"] == 0
