"""A load test of a served model, with a limited number of requests at a time.

It is a closed loop: each of C workers sends its next request after the answer to its last one. So
an overloaded server slows the load down.
"""

import collections
import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bert_tf.inference.serving_clients import Client, Inputs


@dataclasses.dataclass(frozen=True)
class Load:
    """The result of one level of load.

    Attributes:
      concurrency: requests at a time.
      batch_size: texts in a request.
      latencies: seconds of each answered request.
      seconds: of the whole test.
      errors: {message: number of times}.
    """

    concurrency: int
    batch_size: int
    latencies: np.ndarray
    seconds: float
    errors: dict[str, int]

    def summary(self) -> dict[str, Any]:
        """Numbers for a table or JSON: milliseconds and rates."""
        answered = len(self.latencies)
        shares = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
        percentiles = {
            f"{name}_ms": float(np.percentile(self.latencies, share)) * 1e3 if answered else None
            for name, share in shares.items()
        }
        return {
            "concurrency": self.concurrency,
            "batch_size": self.batch_size,
            "answered": answered,
            "failed": sum(self.errors.values()),
            **percentiles,
            "requests_per_second": answered / self.seconds,
            "texts_per_second": answered * self.batch_size / self.seconds,
            "errors": self.errors,
        }


def run(
    make_client: Callable[[], Client],
    requests: Sequence[Inputs],
    *,
    concurrency: int,
    num_requests: int,
    max_seconds: float,
    rate: float = 0.0,
) -> Load:
    """Sends requests from `concurrency` threads, up to a number of requests or seconds.

    Args:
      make_client: called once in each thread.
      requests: sent in turn, then again from the first; all have the same number of texts.
      concurrency: threads.
      num_requests: the most requests to send.
      max_seconds: no request begins after this time.
      rate: the most requests per second, over all threads; 0: no limit.
    """
    numbers, lock = itertools.count(), threading.Lock()
    latencies, errors = [], collections.Counter()
    start = time.perf_counter()

    def failed(error: Exception) -> None:
        with lock:
            errors[str(error).strip() or type(error).__name__] += 1

    def work() -> None:
        try:
            client = make_client()
        except Exception as error:  # every error is counted
            failed(error)
            return
        try:
            while (number := next(numbers)) < num_requests:
                if rate:
                    time.sleep(max(0.0, start + number / rate - time.perf_counter()))
                begin = time.perf_counter()
                if begin - start > max_seconds:
                    return
                try:
                    client.predict(requests[number % len(requests)])
                except Exception as error:  # otherwise the thread would die and not be counted
                    failed(error)
                    continue
                with lock:
                    latencies.append(time.perf_counter() - begin)
        finally:
            client.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    batch_size = len(next(iter(requests[0].values())))
    return Load(concurrency, batch_size, np.array(latencies), seconds, dict(errors))


def table(loads: Sequence[Load]) -> str:
    """One line for each level of load."""
    names = ("at a time", "answered", "failed", "p50 ms", "p90 ms", "p99 ms", "max ms", "texts/s")
    keys = ("concurrency", "answered", "failed", "p50_ms", "p90_ms", "p99_ms", "max_ms")
    rows = [names]
    for load in loads:
        summary = load.summary()
        cells = [summary[key] for key in (*keys, "texts_per_second")]
        rows.append(tuple("" if c is None else f"{c:.4g}" for c in cells))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
