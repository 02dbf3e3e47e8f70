"""How quickly exported models answer, against transformers on torch: text in, answers out.

Each contestant at each batch size is a process of its own, so that load time and peak memory are
its own. Tokenization is part of what is timed.
"""

import os
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import apart, harness
from benchmarks.child import UnavailableError
from benchmarks.harness import Contestant
from bert_tf.export import description

TRANSFORMERS = "transformers"
_UNIT = "examples/s"


def run(
    models: Sequence[str],
    columns: Sequence[Sequence[str]],
    labels: Sequence[str] | None,
    *,
    batch_sizes: Sequence[int],
    examples_per_round: int,
    rounds: int,
    warmup_rounds: int,
    num_threads: int,
    max_seq_length: int = 128,
    hugging_face_model: str | None = None,
    transformers_python: str | None = None,
    task: str | None = None,
) -> dict[str, Any]:
    """Measures all models at each batch size, in turn.

    Args:
      models: folders that `inference.answerers.load` takes.
      columns: one or two columns of texts.
      labels: of the texts, for the accuracy; or None.
      batch_sizes: texts that are answered together; as they come, not sorted by length.
      examples_per_round: texts of a round.
      rounds, warmup_rounds: see `harness.measure_in_turn`.
      num_threads: of every runtime.
      max_seq_length: for transformers; ours know their own.
      hugging_face_model: a folder for transformers; None: it is left out.
      transformers_python: the interpreter that has torch and transformers.
      task: see `answerers.load`.

    Returns:
      `comparisons`, one for each batch size, and `left_out` {name: why}.
    """
    settings = {
        "columns": [list(column) for column in columns],
        "labels": list(labels) if labels else None,
        "examples_per_round": examples_per_round,
        "warmup_rounds": warmup_rounds,
        "num_threads": num_threads,
        "max_seq_length": max_seq_length,
        "task": task,
    }
    worker = apart.worker("benchmarks.contestants.own_answers")
    entries = {_name(path): (worker, path) for path in models}
    if hugging_face_model:
        script = apart.worker("benchmarks.contestants.transformers_answers", transformers_python)
        entries = {TRANSFORMERS: (script, hugging_face_model), **entries}
    comparisons, left_out = [], {}
    for batch_size in batch_sizes:
        contestants: list[Contestant] = []
        try:
            for name, (command, model) in entries.items():
                print(f"preparing {name}, batch {batch_size}", file=sys.stderr, flush=True)
                told = {**settings, "model": model, "batch_size": batch_size}
                try:
                    contestants.append(apart.start(name, command, told))
                except UnavailableError as reason:
                    left_out[name] = str(reason)
            figures = harness.measure_in_turn(
                contestants, rounds=rounds, warmup_rounds=warmup_rounds
            )
        finally:
            for contestant in contestants:
                contestant.close()
        comparisons.append(harness.compare(f"batch {batch_size}", _UNIT, contestants, figures))
    return {"comparisons": comparisons, "left_out": left_out}


def _name(path: str) -> str:
    about = description.read(path)
    folder = os.path.basename(path.rstrip("/"))
    return f"{about['format']}:{about['precision']}" if about else f"keras:{folder}"


def report(result: dict[str, Any]) -> str:
    """The tables of what `run` returned, a batch size after the other."""

    def told(key: str, factor: float = 1.0):
        return lambda entry: harness.format_number(
            None if entry["info"].get(key) is None else entry["info"][key] * factor
        )

    columns = {
        "median ms": told("median_ms"),
        "p99 ms": told("p99_ms"),
        "load s": told("load_seconds"),
        "peak MiB": told("peak_memory_bytes", 2.0**-20),
        "accuracy": told("accuracy"),
    }
    lines = []
    for comparison in result["comparisons"]:
        lines.append(harness.table(comparison, columns))
        first, *others = comparison["contestants"]
        for entry in others:
            ratios = harness.pair_ratios(entry["figures"], first["figures"])
            latency = entry["info"]["median_ms"] / first["info"]["median_ms"]
            lines.append(
                f"{entry['name']}: {statistics.median(ratios):.2f} times the throughput, "
                f"{latency:.2f} of the median latency of {first['name']}"
            )
    lines += [f"left out: {name}: {why}" for name, why in result["left_out"].items()]
    return "\n".join(lines)
