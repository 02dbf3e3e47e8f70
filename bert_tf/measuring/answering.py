"""What a contestant that answers texts does in its process. Standard library alone, as `child`.

It is the same for every library: load, answer all texts once for the accuracy, then rounds.
"""

import collections
import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

Columns = list[list[str]]


def make_round(
    settings: dict[str, Any], load: Callable[[], Callable[[Columns], list[str | None]]]
) -> tuple[Callable[..., float], dict[str, Any]]:
    """What `child.serve` wants.

    Args:
      settings: `columns` of texts; `labels` of the texts, or None; `batch_size` and
        `examples_per_round`, unless a round says others; `warmup_rounds` that do not count, of each
        batch size.
      load: returns what answers columns of texts with the label of each, or None.

    Returns:
      `measure_round(batch_size, examples)`, which gives texts per second; and `info`, which has
      `load_seconds`, `accuracy`, and of all rounds of the last batch size `median_ms`, `p99_ms` and
      `requests`, the number of its calls.
    """
    begin = time.perf_counter()
    answer = load()
    info: dict[str, Any] = {"load_seconds": time.perf_counter() - begin}
    if settings["labels"]:
        batches = _batches(settings["columns"], settings["batch_size"])
        answers = itertools.chain.from_iterable(answer(batch) for batch in batches)
        hits = [a == b for a, b in zip(answers, settings["labels"], strict=True)]
        info["accuracy"] = sum(hits) / len(hits)
    endless, latencies, rounds = {}, collections.defaultdict(list), collections.Counter()

    def measure_round(batch_size: int | None = None, examples: int | None = None) -> float:
        size = batch_size or settings["batch_size"]
        if size not in endless:
            endless[size] = itertools.cycle(_batches(settings["columns"], size))
        start, done = time.perf_counter(), 0
        while done < (examples or settings["examples_per_round"]):
            batch = next(endless[size])
            begin = time.perf_counter()
            answer(batch)
            if rounds[size] >= settings["warmup_rounds"]:
                latencies[size].append((time.perf_counter() - begin) * 1e3)
            done += len(batch[0])
        seconds = time.perf_counter() - start
        rounds[size] += 1
        info.update(_latency(latencies[size]))
        return done / seconds

    return measure_round, info


def _latency(milliseconds: list[float]) -> dict[str, float]:
    if not milliseconds:
        return {}
    ordered = sorted(milliseconds)
    return {
        "median_ms": statistics.median(ordered),
        "p99_ms": ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))],
        "requests": len(ordered),
    }


def _batches(columns: Columns, size: int) -> list[Columns]:
    count = len(columns[0])
    return [[column[start : start + size] for column in columns] for start in range(0, count, size)]
