"""Standard input, output and errors: the one place where text leaves for a terminal.

Names of tensors, labels and answers of servers come from elsewhere and may hold escape codes, which
a terminal obeys. They are shown as hexadecimal numbers. Text is UTF-8 whatever the locale says,
because so are all files here.
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

# Control characters but for tab and line ends, and those that turn the direction of writing.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """The text with what a terminal would obey written out."""
    return _CONTROL.sub(_written_out, text)


def _written_out(found: re.Match) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


class _Printable:
    """A text stream in which everything is `printable`.

    Args:
      stream: gets it.

    Attributes:
      unescaped: that stream, for codes that are meant, such as those of a progress bar.
    """

    def __init__(self, stream: io.TextIOBase):
        self.unescaped = stream

    def write(self, text: str) -> int:
        return self.unescaped.write(printable(text))

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unescaped, name)


@contextlib.contextmanager
def safe() -> Iterator[None]:
    """The three streams can be used by the block, whatever the program was started with.

    A closed one gives and takes nothing: without it, the next file that is opened would get its
    number, and what TensorFlow prints would go into that file. Answers on standard output are data
    and are changed only on their way to a terminal.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    before = sys.stdin, sys.stdout, sys.stderr
    with open(os.devnull, encoding="utf-8") as nothing, open(os.devnull, "w") as nowhere:
        streams = (sys.stdin or nothing, sys.stdout or nowhere, sys.stderr or nowhere)
        for stream, errors in zip(streams, ("strict", "surrogateescape", "replace"), strict=True):
            with contextlib.suppress(AttributeError, io.UnsupportedOperation, ValueError):
                stream.reconfigure(encoding="utf-8", errors=errors)
        sys.stdin, out, errors = streams
        sys.stdout = _Printable(out) if out.isatty() else out
        sys.stderr = _Printable(errors)
        try:
            yield
        finally:
            sys.stdin, sys.stdout, sys.stderr = before
