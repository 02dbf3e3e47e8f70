"""Reads damaged checkpoints, many of them: each must be read or refused with a ValueError.

    python -m tests.checkpoints.fuzz --count=100000

A file of a small checkpoint gets some of its bytes changed, cut out, doubled or cut off, and
everything is read. Reports crashes by the process dying, hangs by the time of the slowest, memory
by the peak of the process.
"""

import argparse
import collections
import pathlib
import random
import resource
import shutil
import tempfile
import time

from absl import logging

from bert_tf.checkpoints import checkpoint as foreign
from tests.checkpoints.models import make_checkpoint

KERAS = {"masked_lm_hidden_act": "gelu", "masked_lm_layer_norm_eps": 1e-5, "next_sentence": False}
SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 8}
CHANGES = {"hugging_face": {}, "google": {}, "garden": {}, "keras": KERAS}
INTERESTING = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"-1",
    b"999999999999",
    b'"',
    b"{",
    b"[",
    b"null",
)


def make_folders(root: pathlib.Path, formats) -> dict[str, pathlib.Path]:
    """{format: folder of a small checkpoint in it}."""
    folders = {}
    for name in formats:
        folders[name] = root / name
        checkpoint = make_checkpoint(**{**SMALL, **CHANGES[name]})
        foreign.write(checkpoint, str(folders[name]), name)
    return folders


def mutate(content: bytes, rng: random.Random) -> bytes:
    """One to four small damages; most of them near the beginning, where the headers are."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        reach = len(data) if rng.random() < 0.3 else min(len(data), 600)
        place = rng.randrange(reach + 1) if data else 0
        length = rng.choice((1, 1, 1, 2, 4, 8, 100))
        kind = rng.randrange(5)
        if kind == 0:
            data[place : place + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            data[place : place + length] = b""
        elif kind == 2:
            data[place:place] = data[place : place + length]
        elif kind == 3:
            data[place : place + 1] = rng.choice(INTERESTING)
        else:
            data = data[:place]
    return bytes(data)


def fuzz(folders, count: int, seed: int) -> collections.Counter:
    """Counts of (format, read or refused); anything but a ValueError goes through."""
    rng, counts = random.Random(seed), collections.Counter()
    names = list(folders)
    slowest = 0.0
    for number in range(count):
        name = names[number % len(names)]
        files = sorted(path for path in folders[name].rglob("*") if path.is_file())
        victim = rng.choice(files)
        whole = victim.read_bytes()
        victim.write_bytes(mutate(whole, rng))
        start = time.monotonic()
        try:
            for array in foreign.read(str(folders[name])).weights.values():
                array.sum()
            counts[name, "read"] += 1
        except ValueError as error:
            if not str(error):
                raise AssertionError("a ValueError without a word") from error
            counts[name, "refused"] += 1
        except Exception as error:
            kept = pathlib.Path(tempfile.mkdtemp())
            shutil.copytree(folders[name], kept / name)
            raise AssertionError(f"number {number}, {victim.name}, kept in {kept}") from error
        slowest = max(slowest, time.monotonic() - start)
        victim.write_bytes(whole)
    counts["slowest, ms"] = round(1000 * slowest)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--formats", default=",".join(CHANGES))
    options = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    with tempfile.TemporaryDirectory() as root:
        folders = make_folders(pathlib.Path(root), options.formats.split(","))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for key, number in sorted(fuzz(folders, options.count, options.seed).items(), key=str):
            print(*([key] if isinstance(key, str) else key), number)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory before {before >> 10} MB, after {after >> 10} MB")


if __name__ == "__main__":
    main()
