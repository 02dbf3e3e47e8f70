"""The table by which a SentencePiece model normalises characters, as TensorFlow ops.

tensorflow-text's op applies the table itself when it cuts a text up. Added tokens have to be found
in the normalised text before that, so the table is read here as well: what each single character
becomes. What several characters become together is Unicode's composition (NFC), in every table that
has it.

The table is a double array (Yata et al. 2007; the Darts-clone library) from UTF-8 to places in a
block of texts that end in NUL.

Shapes: N texts, C characters of all texts, O characters of all normalised texts, K characters that
become something else. A dimension in brackets is ragged.
"""

import struct

import numpy as np
import tensorflow as tf

from bert_tf.tokenization.code_points import Normalized
from bert_tf.tokenization.composition import compose_with_sources

_NUM_CODE_POINTS = 0x110000
_SURROGATES = range(0xD800, 0xE000)
_COMPOSED = "e\u0301"  # a table that joins letters and marks has this among others


class Charsmap:
    """What the characters of a text become.

    Args:
      content: the table of a model; empty for none.

    Raises:
      ValueError: it is damaged.
    """

    def __init__(self, content: bytes):
        self._composes, self._points_K = False, np.zeros(0, np.int32)
        self._begin_K, self._count_K, pool = self._points_K, self._points_K, [0]
        if content:
            try:
                (size,) = struct.unpack_from("<I", content)
                units, texts = np.frombuffer(content[4 : 4 + size], "<u4"), content[4 + size :]
                self._composes = _leaf(units, _COMPOSED.encode()) is not None
                targets = _targets(units, texts)
            except (IndexError, UnicodeDecodeError, ValueError, struct.error):
                raise ValueError("the model's table of characters is damaged.") from None
            begins = []
            for target in targets.values():
                begins.append(len(pool))
                pool += target
            self._points_K = np.array(list(targets), np.int32)
            self._begin_K = np.array(begins, np.int32)
            self._count_K = np.array([len(target) for target in targets.values()], np.int32)
        self._pool = np.array(pool, np.int32)

    def __call__(self, normalized: Normalized) -> Normalized:
        """Texts that were changed before, and now by the table."""
        if self._composes:
            form = tf.strings.unicode_encode(normalized.points, "UTF-8")
            joined = compose_with_sources(form)
            sources = tf.gather(normalized.sources, joined.sources)
            normalized = normalized._replace(points=joined.points, sources=sources)
        if len(self._points_K):
            normalized = self._mapped(normalized)
        num_C = tf.cast(normalized.source_splits[-1], tf.int32)
        ones = tf.ones_like(normalized.sources)
        found_C = tf.math.unsorted_segment_sum(ones, normalized.sources, num_C)
        return normalized._replace(is_mark=found_C == 0)

    def _mapped(self, normalized: Normalized) -> Normalized:
        points = normalized.points
        index_C = tf.searchsorted(self._points_K, points.values)
        index_C = tf.minimum(index_C, len(self._points_K) - 1)
        changes_C = tf.gather(self._points_K, index_C) == points.values
        count_C = tf.where(changes_C, tf.gather(self._count_K, index_C), 1)
        begin_C = tf.where(changes_C, tf.gather(self._begin_K, index_C), 0)
        places = tf.ragged.range(begin_C, begin_C + count_C, row_splits_dtype=tf.int64)
        from_O = places.value_rowids()
        points_O = tf.where(
            tf.gather(changes_C, from_O),
            tf.gather(self._pool, places.values),
            tf.gather(points.values, from_O),
        )
        splits = tf.gather(places.row_splits, points.row_splits)
        return normalized._replace(
            points=tf.RaggedTensor.from_row_splits(points_O, splits, validate=False),
            sources=tf.gather(normalized.sources, from_O),
        )


def _leaf(units: np.ndarray, key: bytes) -> int | None:
    """The value of a key; None if the table does not have it."""
    place = _offset(units[0])
    for byte in key:
        place ^= byte
        if units[place] & 0x800000FF != byte:
            return None
        has_leaf = units[place] >> 8 & 1
        place ^= int(_offset(units[place]))
    return int(units[place] & 0x7FFFFFFF) if has_leaf else None


def _offset(units: np.ndarray) -> np.ndarray:
    """How far the children of units are away."""
    units = np.asarray(units, np.int64)
    return (units >> 10) << ((units & 0x200) >> 6)


def _targets(units: np.ndarray, texts: bytes) -> dict[int, list[int]]:
    """{code point: code points that it becomes}, in the order of code points."""
    points = np.setdiff1d(np.arange(1, _NUM_CODE_POINTS), np.array(_SURROGATES))
    places = np.full(len(points), int(_offset(units[0])), np.int64)
    lengths = 1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000)
    has_leaf = np.zeros(len(points), bool)
    for number in range(4):
        going = lengths > number
        points, places, lengths, has_leaf = (
            np.concatenate([x[going], x[~going]]) for x in (points, places, lengths, has_leaf)
        )
        count = int(going.sum())
        bytes_ = _byte(points[:count], lengths[:count], number)
        next_ = places[:count] ^ bytes_
        inside = next_ < len(units)
        next_ = np.where(inside, next_, 0)
        fits = inside & ((units[next_] & 0x800000FF) == bytes_)
        places[:count] = next_ ^ _offset(units[next_])
        has_leaf[:count] = (units[next_] >> 8 & 1).astype(bool)
        kept = np.concatenate([fits, np.ones(len(points) - count, bool)])
        points, places, lengths, has_leaf = (x[kept] for x in (points, places, lengths, has_leaf))
    order = np.argsort(points[has_leaf])
    found = points[has_leaf][order].tolist()
    values = (units[places[has_leaf][order]] & 0x7FFFFFFF).tolist()
    targets = {}
    for point, begin in zip(found, values, strict=True):
        end = texts.index(b"\0", begin)
        targets[point] = [ord(character) for character in texts[begin:end].decode()]
    return targets


def _byte(points: np.ndarray, lengths: np.ndarray, number: int) -> np.ndarray:
    """Byte `number` of the UTF-8 of code points that have `lengths` bytes."""
    bits = points >> (6 * (lengths - 1 - number))
    if number:
        return bits & 0x3F | 0x80
    first = np.array([0, 0, 0xC0, 0xE0, 0xF0])[lengths]
    return bits | first
