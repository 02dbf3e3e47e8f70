"""How fast a tokenizer is beside the `tokenizers` library, in MB of text for a second of CPU time.

Both read the same lines in turn, with one thread. CPU time counts, so that a busy machine matters
less; `benchmark.py data` measures in seconds of the clock, with several threads. Needs the package
`tokenizers` (`pip install -e .[vocab]`).

    python scripts/development/time_tokenizers.py --vocab_file=roberta-base --corpora=books=*.gz
"""

import itertools
import os
import pathlib
import sys
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from absl import app, flags

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from development.corpus_lines import lines_of

import bert_tf
from benchmarks.contestants import reference_tokenizers

_ROUNDS = flags.DEFINE_integer("rounds", 3, "Rounds in turn; the medians count.")
_VOCAB_FILE = flags.DEFINE_string(
    "vocab_file", None, "Folder or file of the tokenizer.", required=True
)
_CORPORA = flags.DEFINE_multi_string(
    "corpora", None, "name=pattern: the files of a corpus, as check_tokenizers.py takes them."
)
_MAX_LINES = flags.DEFINE_integer("max_lines", 8192, "Lines of each corpus.")
_BATCHES = ((1024, False), (64, False), (1024, True))


def main(argv: list[str]) -> None:
    del argv
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tokenizer = bert_tf.load_tokenizer(_VOCAB_FILE.value)
    reference = reference_tokenizers.make(tokenizer)
    spec = tf.TensorSpec([None], tf.string)
    ways = {
        False: lambda texts: tokenizer.tokenize(texts).values,
        True: lambda texts: [found.values for found in tokenizer.tokenize_with_offsets(texts)],
    }
    graphs = {
        name: tf.function(way, autograph=False).get_concrete_function(spec)
        for name, way in ways.items()
    }
    print("| text | MB | lines a batch | bert_tf | `tokenizers` | ratio |")
    print("|---|---|---|---|---|---|", flush=True)
    for corpus in _CORPORA.value:
        name, _, pattern = corpus.partition("=")
        lines = list(itertools.islice(lines_of(pattern), _MAX_LINES.value))
        for size, with_offsets in _BATCHES:
            batches = [lines[i : i + size] for i in range(0, len(lines), size)]
            ours = _run(graphs[with_offsets], [tf.constant(batch) for batch in batches])
            theirs = _run(lambda b: reference.encode_batch(b, add_special_tokens=False), batches)
            megabytes = sum(len(line.encode()) for line in lines) / 1e6
            pairs = np.array([(ours(), theirs()) for _ in range(1 + _ROUNDS.value)])[1:]
            own, other = megabytes / np.median(pairs, axis=0)
            ratio = np.median(pairs[:, 1] / pairs[:, 0])
            text = f"{name}, with offsets" if with_offsets else name
            print(
                f"| {text} | {megabytes:.1f} | {size:,} | {own:.1f} | {other:.1f} | {ratio:.1f} |"
            )


def _run(function: Callable, batches: list) -> Callable[[], float]:
    """A function that gives the seconds of CPU time for all batches."""

    def measured() -> float:
        start = time.process_time()
        for batch in batches:
            function(batch)
        return time.process_time() - start

    return measured


if __name__ == "__main__":
    app.run(main)
