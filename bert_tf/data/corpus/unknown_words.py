"""The most frequent words that became the unknown token, counted while text is tokenized.

Records hold only the unknown token, so a file of the data set keeps the words.
"""

import json
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf import files
from bert_tf.tokenization.tokenizer import Tokenizer

FILE = "unknown_words.json"  # of a data folder
LIST = "unknown_words"  # every occurrence, one a line, while the data is built
FORMAT_VERSION = 1
_LONGEST = 40  # characters; a longer word is cut
_NUM_KEPT = 100
_NUM_COUNTERS = 1 << 16


def find_unknown(texts: list[str], token_ids: tf.RaggedTensor, tokenizer: Tokenizer) -> list[str]:
    """The words of `texts` that became the unknown token, in order.

    Args:
      texts: N texts.
      token_ids: int32 [N, (tokens)], from `tokenizer.tokenize`.
      tokenizer: tokenizes again, with offsets, the texts that have an unknown token.
    """
    is_unknown = token_ids.values.numpy() == tokenizer.unk_id
    rows = _rows(token_ids.row_splits.numpy(), np.flatnonzero(is_unknown))
    if not len(rows):
        return []
    found = [texts[row] for row in np.unique(rows)]
    ids, starts, ends = tokenizer.tokenize_with_offsets(tf.constant(found))
    splits, ids = ids.row_splits.numpy(), ids.values.numpy()
    is_begin = tokenizer.begins_word[ids]
    is_begin[splits[:-1][splits[:-1] < splits[1:]]] = True  # of a text
    begins = np.flatnonzero(is_begin)
    lasts = np.append(begins[1:], len(ids)) - 1
    chosen = (
        np.unique(np.searchsorted(begins, np.flatnonzero(ids == tokenizer.unk_id), "right")) - 1
    )
    begins, lasts = begins[chosen], lasts[chosen]
    places = zip(
        _rows(splits, begins),
        starts.values.numpy()[begins].tolist(),
        ends.values.numpy()[lasts].tolist(),
        strict=True,
    )
    words = [" ".join(found[row][start:end].split()) for row, start, end in places]
    words = [tokenizer.word_form(word) for word in words]
    return [word if len(word) <= _LONGEST else word[: _LONGEST - 1] + "…" for word in words]


def _rows(row_splits: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    return np.searchsorted(row_splits, tokens, side="right") - 1


def count_commonest(words: Iterable[str], num_counters: int = _NUM_COUNTERS) -> dict[str, Any]:
    """Counts words in constant memory.

    With more than `num_counters` different words, a count can be too low by at most `error` (Misra
    and Gries 1982, "Finding repeated elements").

    Returns:
      `words`: the 100 most frequent, [word, count]; equal counts in alphabetical order. `total`:
      number of words. `different`: number of different words; None if there are too many. `error`:
      0 if the counts are exact.
    """
    counts, total, error = {}, 0, 0
    for word in words:
        total += 1
        if word in counts or len(counts) < num_counters:
            counts[word] = counts.get(word, 0) + 1
        else:
            error += 1
            counts = {word: count - 1 for word, count in counts.items() if count > 1}
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "words": [list(item) for item in ranked[:_NUM_KEPT]],
        "total": total,
        "different": None if error else len(counts),
        "error": error,
    }


def save(folder: str, path: str) -> None:
    """Counts the words of the file `path`, one a line, and writes the result into a data folder."""
    with open(path, encoding="utf-8", newline="\n") as file:
        found = count_commonest(line.removesuffix("\n") for line in file)
    text = json.dumps({"format_version": FORMAT_VERSION, **found}, indent=1, ensure_ascii=False)
    files.write_whole(os.path.join(folder, FILE), text + "\n")


def load(folder: str) -> dict[str, Any] | None:
    """The counts in a data folder; None if an older version wrote it, without this file.

    Raises:
      ValueError: a newer version wrote it.
    """
    path = os.path.join(folder, FILE)
    if not tf.io.gfile.exists(path):
        return None
    found = files.read_json(path, highest=FORMAT_VERSION)
    del found["format_version"]
    return found
