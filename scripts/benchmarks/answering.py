"""What one contestant of `benchmark.serve` does in its process. Standard library alone, as `child`.

It is the same for every library: load, answer all texts once for the accuracy, then rounds.
"""

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

Columns = list[list[str]]


def make_round(
    settings: dict[str, Any], load: Callable[[], Callable[[Columns], list[str | None]]]
) -> tuple[Callable[[], float], dict[str, Any]]:
    """What `child.serve` wants.

    Args:
      settings: see `benchmark.serve.run`; `batch_size` is that of this contestant.
      load: returns what answers columns of texts with the label of each, or None.
    """
    begin = time.perf_counter()
    answer = load()
    info: dict[str, Any] = {"load_seconds": time.perf_counter() - begin}
    batches = _batches(settings["columns"], settings["batch_size"])
    if settings["labels"]:
        answers = itertools.chain.from_iterable(answer(batch) for batch in batches)
        hits = [a == b for a, b in zip(answers, settings["labels"], strict=True)]
        info["accuracy"] = sum(hits) / len(hits)
    endless = itertools.cycle(batches)
    rounds, latencies = itertools.count(), []

    def measure_round() -> float:
        number, start, done = next(rounds), time.perf_counter(), 0
        while done < settings["examples_per_round"]:
            batch = next(endless)
            begin = time.perf_counter()
            answer(batch)
            if number >= settings["warmup_rounds"]:
                latencies.append((time.perf_counter() - begin) * 1e3)
            done += len(batch[0])
        seconds = time.perf_counter() - start
        if latencies:
            ordered = sorted(latencies)
            info["median_ms"] = statistics.median(ordered)
            info["p99_ms"] = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
        return done / seconds

    return measure_round, info


def _batches(columns: Columns, size: int) -> list[Columns]:
    count = len(columns[0])
    return [[column[start : start + size] for column in columns] for start in range(0, count, size)]
