"""Whole commands that build pretraining data: ours against Model Garden's, start-up included.

Each in a process of its own, with the memory of that process and all below it at its peak. Model
Garden takes hours and hundreds of gigabytes for what ours is made for, so it gets the small text.
"""

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import memory
from bert_tf.data.text import documents
from bert_tf.measuring import harness
from bert_tf.measuring.child import UnavailableError
from bert_tf.measuring.harness import Contestant
from bert_tf.tokenization.wordpiece import VOCABULARY_FILE

_ROOT = Path(__file__).parents[2]
_GARDEN = "official.nlp.data.create_pretraining_data"
_HAS_GARDEN = "import importlib.util as u, sys; sys.exit(u.find_spec('official.nlp.data') is None)"
_SHOWN_CHARS = 500


@dataclasses.dataclass
class CommandsConfig:
    """What is built, and how.

    Attributes:
      small_megabytes, large_megabytes: text of both runs, 10^6 bytes.
      flags: of both programs, where they have the same names.
      own_flags, garden_flags: of one of them.
    """

    small_megabytes: float = 10.0
    large_megabytes: float = 126.0
    flags: tuple[str, ...] = ()
    own_flags: tuple[str, ...] = ()
    garden_flags: tuple[str, ...] = ()


def run(
    config: CommandsConfig,
    inputs: Sequence[str],
    vocab_file: str,
    *,
    num_workers: int,
    rounds: harness.Rounds,
    garden_python: str | None = None,
) -> dict[str, Any]:
    """Measures the commands in turn.

    Args:
      config: see there.
      inputs: text files or patterns, at least `large_megabytes` of text.
      vocab_file: a vocabulary, or its folder.
      num_workers: threads of ours. Model Garden's has one.
      rounds: how often each is measured.
      garden_python: the interpreter that has tf-models-official; None: this one.

    Returns:
      `comparisons` and `left_out` as of the other benchmarks, and `text` {name: bytes}. The `info`
      of a contestant has `seconds` and `peak_memory_bytes`, the largest of its rounds.

    Raises:
      ValueError: too little text, or a command failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"small": config.small_megabytes, "large": config.large_megabytes}
        texts = _write_texts(inputs, folder, sizes)
        contestants = [
            _own(config, texts["large"], vocab_file, folder, num_workers),
            _own(config, texts["small"], vocab_file, folder, num_workers),
        ]
        left_out = {}
        try:
            python = garden_python or sys.executable
            path = os.path.join(vocab_file, VOCABULARY_FILE)
            vocab_file = path if os.path.isdir(vocab_file) else vocab_file
            contestants.append(_garden(config, texts["small"], vocab_file, folder, python))
        except UnavailableError as error:
            left_out["Model Garden"] = str(error)
        figures = harness.measure_in_turn(contestants, rounds)
        text = {name: os.path.getsize(path) for name, path in texts.items()}
    return {
        "comparisons": [
            harness.compare("large text", "MB/s", [contestants[0], *contestants[2:]], figures),
            harness.compare("small text", "MB/s", contestants[1:], figures),
        ],
        "left_out": left_out,
        "text": text,
    }


def report(result: dict[str, Any]) -> str:
    """The tables of what `run` returned."""
    columns = {
        "seconds": lambda entry: harness.format_number(entry["info"]["seconds"]),
        "peak MB": lambda entry: f"{entry['info']['peak_memory_bytes'] / 1e6:,.0f}",
    }
    large, small = result["comparisons"]
    lines = [harness.table(comparison, columns) for comparison in (large, small)]
    peaks = [c["contestants"][0]["info"]["peak_memory_bytes"] for c in (large, small)]
    lines.append(f"memory on the large text: {peaks[0] / peaks[1]:.3f} times that on the small one")
    lines += [f"left out: {name}: {why}" for name, why in result["left_out"].items()]
    return "\n\n".join(lines)


def _write_texts(inputs: Sequence[str], folder: str, megabytes: dict[str, float]) -> dict[str, str]:
    """{name: file}: the first documents of the input, one sentence a line.

    The last document is cut where the size is reached.
    """
    paths = {name: os.path.join(folder, f"{name}.txt") for name in megabytes}
    left = {name: size * 1e6 for name, size in megabytes.items()}
    files = {name: open(path, "wb") for name, path in paths.items()}  # noqa: SIM115
    try:
        for document in documents.read_documents(inputs):
            for line in (*document, ""):
                data = line.encode() + b"\n"
                for name in left:
                    if left[name] > 0:
                        files[name].write(data)
                        left[name] -= len(data)
            if max(left.values()) <= 0:
                return paths
    finally:
        for file in files.values():
            file.close()
    missing = max(left.values()) / 1e6
    raise ValueError(
        f"the input is {missing:.1f} MB short of {max(megabytes.values())} MB; give more text, or "
        "set --config.large_megabytes"
    )


def _own(
    config: CommandsConfig, text: str, vocab_file: str, folder: str, num_workers: int
) -> Contestant:
    output = os.path.join(folder, "own")
    command = [
        sys.executable,
        str(_ROOT / "scripts/create_pretraining_data.py"),
        f"--input={text}",
        f"--vocab_file={vocab_file}",
        f"--output_dir={output}",
        f"--num_workers={num_workers}",
        *config.flags,
        *config.own_flags,
    ]
    return _contestant(f"bert_tf, {_megabytes(text):,.3g} MB", command, text, output)


def _garden(
    config: CommandsConfig, text: str, vocab_file: str, folder: str, python: str
) -> Contestant:
    """Model Garden's script. Raises UnavailableError if `python` does not have it."""
    try:
        subprocess.run([python, "-c", _HAS_GARDEN], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UnavailableError(f"{python} has no {_GARDEN}") from error
    output = os.path.join(folder, "garden.tfrecord")
    command = [
        python,
        "-m",
        _GARDEN,
        f"--input_file={text}",
        f"--vocab_file={vocab_file}",
        f"--output_file={output}",
        *config.flags,
        *config.garden_flags,
    ]
    return _contestant(f"Model Garden, {_megabytes(text):,.3g} MB", command, text, output)


def _megabytes(path: str) -> float:
    return os.path.getsize(path) / 1e6


def _contestant(name: str, command: list[str], text: str, output: str) -> Contestant:
    info = {"command": command, "seconds": 0.0, "peak_memory_bytes": 0}
    megabytes = _megabytes(text)
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}

    def measure_round() -> float:
        with tempfile.TemporaryFile("w+") as log:
            try:
                seconds, peak = memory.run_and_watch(
                    command, env=environment, stdout=log, stderr=log
                )
            except ValueError as error:
                log.seek(0)
                raise ValueError(f"{error}: {log.read()[-_SHOWN_CHARS:]}") from error
        if os.path.isdir(output):
            shutil.rmtree(output)
        else:
            os.remove(output)
        info["seconds"] = seconds
        info["peak_memory_bytes"] = max(info["peak_memory_bytes"], peak)
        return megabytes / seconds

    return Contestant(name, measure_round, info)
