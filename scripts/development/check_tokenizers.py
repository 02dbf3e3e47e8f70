"""Compares a tokenizer with the `tokenizers` library, line by line, on files of any text.

Needs the package `tokenizers` (`pip install -e .[vocab]`). Prints a row of a table for each corpus;
exits with 1 if a line differs. Of lines with other ids it counts those that are cut in another, but
as good a way: the scores of a SentencePiece model have the same sum.

    python scripts/development/check_tokenizers.py --vocab_file=roberta-base --corpora=books=*.gz
"""

import itertools
import pathlib
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from absl import app, flags

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from development.corpus_lines import lines_of

import bert_tf
from benchmarks.contestants import reference_tokenizers
from bert_tf.tokenization.tokenizer import Tokenizer

_VOCAB_FILE = flags.DEFINE_string(
    "vocab_file", None, "Folder or file of the tokenizer.", required=True
)
_CORPORA = flags.DEFINE_multi_string(
    "corpora",
    None,
    "name=pattern: the files of a corpus. Of JSON every string is read, of a tar archive every "
    "file, of others every line. Name it once for each corpus.",
    required=True,
)
_IDS_ONLY = flags.DEFINE_bool(
    "ids_only",
    False,
    "Compare no offsets. A SentencePiece token has no spaces in its span here.",
)
_MAX_LINES = flags.DEFINE_integer("max_lines", None, "Lines of each corpus; all by default.")
_BATCH = 1024
_SAME = 1e-3  # sums of scores, which float32 rounds


def main(argv: list[str]) -> None:
    del argv
    tokenizer = bert_tf.load_tokenizer(_VOCAB_FILE.value)
    reference = reference_tokenizers.make(tokenizer)
    print("| corpus | lines | lines with other ids | of them as good | with other offsets | MB |")
    print("|---|---|---|---|---|---|", flush=True)
    differences = 0
    for corpus in _CORPORA.value:
        name, _, pattern = corpus.partition("=")
        lines = itertools.islice(lines_of(pattern), _MAX_LINES.value)
        differences += _compare(name, lines, tokenizer, reference)
    sys.exit(1 if differences else 0)


def _compare(name: str, lines: Iterable[str], tokenizer: Tokenizer, reference: Any) -> int:
    """Prints the row of a corpus; the number of lines that differ."""
    encode = tf.function(tokenizer.tokenize_with_offsets, autograph=False).get_concrete_function(
        tf.TensorSpec([None], tf.string)
    )
    num_lines = num_bytes = other_ids = as_good = other_offsets = 0
    scores = _scores(tokenizer)
    while batch := list(itertools.islice(lines, _BATCH)):
        ids, starts, ends = (x.to_list() for x in encode(tf.constant(batch)))
        for i, expected in enumerate(reference.encode_batch(batch, add_special_tokens=False)):
            if ids[i] != expected.ids:
                other_ids += 1
                good = scores is not None and _are_as_good(scores, ids[i], expected.ids)
                as_good += good
                if other_ids - as_good <= 3 and not good:
                    print(f"{name}: {batch[i]!r}\n  here {ids[i]}\n  there {expected.ids}")
            elif _IDS_ONLY.value:
                continue
            elif list(zip(starts[i], ends[i], strict=True)) != expected.offsets:
                other_offsets += 1
                if other_offsets <= 3:
                    place = _first_other(starts[i], ends[i], expected.offsets)
                    print(f"{name}: {batch[i]!r}\n  offsets differ from token {place}")
        num_lines += len(batch)
        num_bytes += sum(len(line.encode()) for line in batch)
    counts = f"{num_lines:,} | {other_ids} | {as_good} | {other_offsets}"
    print(f"| {name} | {counts} | {num_bytes / 1e6:.1f} |", flush=True)
    return other_ids + other_offsets


def _scores(tokenizer: Tokenizer) -> np.ndarray | None:
    """The score of each token of a SentencePiece model; None of another tokenizer."""
    if tokenizer.kind != "sentence_piece":
        return None
    model = tokenizer.model
    score_of = dict(zip(model.pieces, model.scores, strict=True))
    return np.array([score_of.get(token, 0.0) for token in tokenizer.tokens])


def _are_as_good(scores: np.ndarray, first: list[int], second: list[int]) -> bool:
    return abs(scores[first].sum() - scores[second].sum()) < _SAME


def _first_other(starts: list[int], ends: list[int], expected: list[tuple[int, int]]) -> str:
    own = np.stack([starts, ends], axis=-1)
    place = int(np.argmax(np.any(own != np.array(expected), axis=-1)))
    return f"{place}: here {own[place].tolist()}, there {list(expected[place])}"


if __name__ == "__main__":
    app.run(main)
