"""Keeps what converters print away from the user, unless they fail.

TensorFlow, its converters and their C++ libraries write to the file descriptors of the process,
past Python and its log levels.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside, what is written to standard output and error is held back; an exception shows it."""
    streams = (sys.stdout, sys.stderr)
    for stream in streams:
        stream.flush()
    kept = [os.dup(number) for number in (1, 2)]
    with tempfile.TemporaryFile() as held:
        try:
            for number in (1, 2):
                os.dup2(held.fileno(), number)
            try:
                yield
            finally:
                for stream in streams:
                    stream.flush()
                for number, own in zip((1, 2), kept, strict=True):
                    os.dup2(own, number)
        except BaseException:
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            for own in kept:
                os.close(own)
