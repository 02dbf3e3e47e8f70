"""How quickly exported models answer, against transformers on torch: text in, answers out.

Each contestant at each batch size is a process of its own, so that load time and peak memory are
its own. Tokenization is part of what is timed.
"""

import dataclasses
import os
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import apart
from bert_tf.export import description
from bert_tf.measuring import harness
from bert_tf.measuring.child import UnavailableError
from bert_tf.measuring.harness import Contestant

TRANSFORMERS = "transformers"
_UNIT = "examples/s"


@dataclasses.dataclass(frozen=True)
class Questions:
    """What every contestant is asked.

    Attributes:
      columns: one or two columns of texts.
      labels: of the texts, for the accuracy; or None.
      examples_per_round: texts of a round.
      num_threads: of every runtime.
      max_seq_length: tokens of a text for transformers; our models know their own.
      task: see `answerers.load`.
    """

    columns: Sequence[Sequence[str]]
    labels: Sequence[str] | None
    examples_per_round: int
    num_threads: int
    max_seq_length: int = 128
    task: str | None = None


@dataclasses.dataclass(frozen=True)
class Peer:
    """transformers on torch.

    Attributes:
      model: a folder that it loads.
      python: the interpreter that has it; None: this one.
    """

    model: str
    python: str | None = None


def run(
    models: Sequence[str],
    questions: Questions,
    *,
    batch_sizes: Sequence[int],
    rounds: harness.Rounds,
    peer: Peer | None = None,
) -> dict[str, Any]:
    """Measures all models at each batch size, in turn.

    Args:
      models: folders that `inference.answerers.load` takes.
      questions: what every contestant is asked.
      batch_sizes: texts that are answered together; as they come, not sorted by length.
      rounds: how often each is measured.
      peer: transformers; None: it is left out.

    Returns:
      `comparisons`, one for each batch size, and `left_out` {name: why}.
    """
    settings = {**dataclasses.asdict(questions), "warmup_rounds": rounds.warmup}
    worker = apart.worker("bert_tf.inference.timed")
    entries = {_name(path): (worker, path) for path in models}
    if peer:
        script = apart.worker("benchmarks.contestants.transformers_answers", peer.python)
        entries = {TRANSFORMERS: (script, peer.model), **entries}
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
            figures = harness.measure_in_turn(contestants, rounds)
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
