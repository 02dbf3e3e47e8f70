"""The clock of every contestant. Imports the standard library alone, as `child` does."""

import time
from collections.abc import Callable


def rate_of(work: Callable[[], object], amount: float) -> Callable[[], float]:
    """A round for `Contestant.measure_round`: does `work`, returns `amount` / seconds."""

    def measure_round() -> float:
        start = time.perf_counter()
        work()
        return amount / (time.perf_counter() - start)

    return measure_round
