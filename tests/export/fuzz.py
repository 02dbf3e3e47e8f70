"""Asks a served model whatever can be in a string; more of it than the tests have time for.

    python -m tests.export.fuzz --count=100000 --task=question_answering

Ends with an error at the first batch without an answer, or with one that is not a number.
"""

import argparse
import time

import numpy as np
import tensorflow as tf

from bert_tf.export.saved_model import ServedModel
from tests.export.models import fuzzed, make

ROWS = 200


def answer(serve, seed: int) -> int:
    """Asks for one batch; returns how many answers there were. ValueError for a bad one."""
    names = serve.function_type.parameters  # text, and text_pair of a task on pairs
    texts = {name: tf.constant(fuzzed(ROWS, seed + i)) for i, name in enumerate(names)}
    for name, value in serve(**texts).items():
        if value.shape[0] != ROWS:
            raise ValueError(f"seed {seed}: {value.shape[0]} rows of {name} for {ROWS} texts.")
        if value.dtype.is_floating and not np.isfinite(value.numpy()).all():
            raise ValueError(f"seed {seed}: {name} is not finite.")
    return ROWS


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--task", default="classification")
    words = parser.parse_args()
    serve = ServedModel(*make(words.task)).signatures()["serving_default"]
    start, done, slowest = time.monotonic(), 0, 0.0
    while done < words.count:
        begin = time.monotonic()
        done += answer(serve, seed=done)
        slowest = max(slowest, time.monotonic() - begin)
        if done % 10_000 == 0:
            print(f"{done} texts, {time.monotonic() - start:.0f} s", flush=True)
    print(f"{done} texts answered; the slowest {ROWS} took {slowest:.2f} s")


if __name__ == "__main__":
    main()
