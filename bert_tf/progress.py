"""Progress: a bar with rate and remaining time on a terminal, plain lines in a log file.

`rich` draws on a terminal. For other outputs, a line every `LINE_EVERY` seconds keeps a log
readable.
"""

import sys
import time
from collections.abc import Iterable, Iterator

from rich import console as rich_console
from rich import progress as rich_progress

LINE_EVERY = 30.0  # seconds between lines when the output is not a terminal


class bar:  # noqa: N801 - used like a function
    """Counts work done: an iterator (`for x in bar(items)`) or by hand (`with bar(total=9) as b`).

    Args:
      items: the items to iterate over; None if `update` is called by hand.
      total: the expected number of units; None if it is not known.
      unit: the plural noun after the numbers, for example "examples".
      description: the name of the work, before the numbers.
      initial: the part of `total` that was done before; it does not count for the rate.
    """

    def __init__(
        self,
        items: Iterable | None = None,
        *,
        total: float | None = None,
        unit: str = "items",
        description: str = "",
        initial: float = 0,
    ):
        self._items = items
        self._total = len(items) if total is None and hasattr(items, "__len__") else total
        self._unit, self._description, self._text = unit, description, ""
        self._initial = self._done = initial
        self._first: tuple[float, float] | None = None  # (done, time) of the first update
        self._rich = None
        self._num_updates = 0

    def __enter__(self) -> "bar":
        self._start = self._last_line = time.monotonic()
        if sys.stderr.isatty():
            columns = ("{task.description}", rich_progress.BarColumn(), "{task.fields[numbers]}")
            terminal = rich_console.Console(file=getattr(sys.stderr, "unescaped", sys.stderr))
            self._rich = rich_progress.Progress(*columns, console=terminal, transient=False)
            self._rich.start()
            self._row = self._rich.add_task(self._description, total=self._total, numbers="")
        return self

    def __exit__(self, *exc: object) -> None:
        if self._rich is not None:
            self._draw()
            self._rich.stop()
        elif exc[0] is None:
            self._print_line()

    def __iter__(self) -> Iterator:
        with self:
            for item in self._items:
                yield item
                self.update(1)

    def update(self, count: float = 1) -> None:
        """Adds `count` units of work done."""
        self._done += count
        self._num_updates += 1
        if self._first is None:
            self._first = self._done, time.monotonic()
        if self._rich is not None:
            self._draw()
        elif time.monotonic() - self._last_line >= LINE_EVERY:
            self._print_line()

    def set(self, text: str) -> None:
        """Replaces the free text at the end of the line (for example the loss)."""
        self._text = text

    def _draw(self) -> None:
        self._rich.update(self._row, completed=self._done, numbers=self._numbers())

    def _print_line(self) -> None:
        self._last_line = time.monotonic()
        print(f"{self._description}: {self._numbers()}", file=sys.stderr, flush=True)

    def _numbers(self) -> str:
        seconds = max(time.monotonic() - self._start, 1e-9)
        rate = (self._done - self._initial) / seconds
        if self._num_updates > 1:  # the first update includes one-time work such as compiling
            done, moment = self._first
            rate = (self._done - done) / max(time.monotonic() - moment, 1e-9)
        of_total = f"/{_amount(self._total)}" if self._total else ""
        left = ""
        is_known = self._num_updates > 1
        if self._total and rate and is_known and self._done < self._total:
            left = f", {format_seconds((self._total - self._done) / rate)} left"
        text = f" | {self._text}" if self._text else ""
        return (
            f"{_amount(self._done)}{of_total} {self._unit}, {rate:,.1f}/s, "
            f"{format_seconds(seconds)} gone{left}{text}"
        )


def parts(count: int, size: int, *, unit: str, description: str) -> Iterator[slice]:
    """Yields 0 to `count` in slices of at most `size`, with a progress bar."""
    with bar(total=count, unit=unit, description=description) as done:
        for start in range(0, count, size):
            part = slice(start, min(start + size, count))
            yield part
            done.update(part.stop - part.start)


def _amount(value: float) -> str:
    """A number as text; small numbers of megabytes have decimals."""
    return f"{value:.2g}" if isinstance(value, float) and value < 10 else f"{value:,.0f}"


def format_seconds(seconds: float) -> str:
    """`3725` -> `1:02:05`; `65` -> `1:05`."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
