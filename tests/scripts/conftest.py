"""Runs the scripts as a user does, on a small corpus; the slow steps are done once a session.

Where a test is about what a script does rather than about its process, the script runs in this one:
it takes seconds to start TensorFlow. `test_start.py` shows that every script starts on its own.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests import corpus
from tests.in_process import run_in_process

ROOT = pathlib.Path(__file__).parents[2]

_SETTINGS = {"pretraining": "max_predictions_per_seq=5"}
CONFIG = '''"""Tiny, for tests."""
from bert_tf.config import *
from bert_tf.tasks import {task}


def get_config():
    return ExperimentConfig(
        model=BertConfig(
            vocab_size=160, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=32,
        ),
        data=DataConfig(max_seq_length=32),
        task={task}.Config({settings}),
        optimizer=OptimizerConfig(learning_rate=1e-3, bias_correction=True),
        train=TrainConfig(global_batch_size=16, num_train_steps=20, steps_per_loop=5),
    )
'''


def config_text(task):
    """The content of a config file for a tiny run."""
    return CONFIG.format(task=task, settings=_SETTINGS.get(task, ""))


def command_of(name, *words, **flags):
    """`python scripts/NAME.py WORDS --flag=value ...`, to be started in `ROOT`."""
    flags = [f"--{flag}={value}" for flag, value in flags.items()]
    return [sys.executable, f"scripts/{name}.py", *words, *flags]


def run_script(name, *words, stdin=None, timeout=300, environment=None, **flags):
    """The finished process of a script."""
    settings = {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    return subprocess.run(
        command_of(name, *words, **flags),
        cwd=ROOT,
        env={**os.environ, **settings, **(environment or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def run_ok(name, *words, **flags):
    """Standard output of a script that must succeed."""
    return _output_of(name, run_script(name, *words, **flags))


def _output_of(name, process):
    if process.returncode:
        raise AssertionError(f"{name} ended with {process.returncode}: {process.stderr[-2000:]}")
    return process.stdout


def run_here(name, *words, stdin="", **flags):
    """As `run_script`, in this process."""
    with contextlib.chdir(ROOT):
        return run_in_process(*command_of(name, *words, **flags)[1:], stdin=stdin)


def ok_here(name, *words, **flags):
    """As `run_ok`, in this process."""
    return _output_of(name, run_here(name, *words, **flags))


def end_when(
    is_time: Callable[[], bool], number: signal.Signals, name: str, **flags
) -> tuple[int, str]:
    """Starts a script and sends it a signal as soon as `is_time()`.

    Returns (how it ended, what it had to say).
    """
    process = subprocess.Popen(
        command_of(name, **flags),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 240
    while not is_time() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(number)
    error = process.communicate(timeout=240)[1]
    return process.returncode, error


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    """A folder with text, labelled texts, configs, a vocabulary and records."""
    folder = tmp_path_factory.mktemp("work")
    corpus.write_documents(folder / "train.txt", seed=0)
    corpus.write_documents(folder / "valid.txt", num_documents=10, seed=1)
    corpus.write_labelled(folder / "train.tsv", seed=0)
    corpus.write_labelled(folder / "dev.tsv", count=41, seed=1)
    for task in ("pretraining", "classification"):
        (folder / f"{task}.py").write_text(config_text(task))
    ok_here(
        "train_vocab",
        input=folder / "train.txt",
        output_dir=folder / "vocab",
        vocab_size=150,
        min_frequency=1,
    )
    for part in ("train", "valid"):
        ok_here(
            "create_pretraining_data",
            input=folder / f"{part}.txt",
            vocab_file=folder / "vocab",
            output_dir=folder / part,
            max_seq_length=32,
        )
    return folder


@pytest.fixture(scope="session")
def pretrained(work):
    """The work directory of a short pretraining run."""
    ok_here(
        "pretrain",
        config=work / "pretraining.py",
        train_data=work / "train",
        eval_data=work / "valid",
        work_dir=work / "pretrained",
    )
    return work / "pretrained"


@pytest.fixture(scope="session")
def finetuned(work, pretrained):
    """The work directory of a short fine-tuning run from `pretrained`."""
    ok_here(
        "finetune",
        config=work / "classification.py",
        train_data=work / "train.tsv",
        eval_data=work / "dev.tsv",
        init_checkpoint=pretrained,
        work_dir=work / "finetuned",
    )
    return work / "finetuned"
