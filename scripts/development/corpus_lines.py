"""The lines of files of any text, for the scripts that compare tokenizers."""

import glob
import gzip
import itertools
import json
import tarfile
from collections.abc import Iterator
from typing import Any

from absl import app


def lines_of(pattern: str) -> Iterator[str]:
    """The lines that are not empty of the files that fit a pattern."""
    paths = sorted(glob.glob(pattern))
    if not paths:
        raise app.UsageError(f"--corpora: {pattern}: no such file")
    return filter(None, itertools.chain.from_iterable(map(_lines, paths)))


def _lines(path: str) -> Iterator[str]:
    if path.endswith((".tar", ".tar.gz", ".tgz")):
        with tarfile.open(path) as archive:
            for member in archive:
                if file := archive.extractfile(member):
                    yield from file.read().decode("utf-8", "replace").splitlines()
        return
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rb") as file:
        if ".jsonl" in path:
            for line in file:
                yield from _strings(json.loads(line))
        elif ".json" in path:
            yield from _strings(json.load(file))
        else:
            for line in file:
                yield line.decode("utf-8", "replace").rstrip("\r\n")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.split("\n")
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
