"""Clean-up, lower-casing and accent removal character by character, with committed tables.

The part of Google's BasicTokenizer (google-research/bert, tokenization.py) that comes before text
is split into words, on code points as integers. All it knows of Unicode is in `unicode_tables.py`,
so its results do not depend on the version of any library. What a character becomes does not
depend on its neighbours, but for two rules of Unicode: the final sigma and the order of marks.

Shapes: N texts, C characters of all texts, O characters of all normalised texts, K characters that
matter to a rule. A dimension in brackets is ragged.
"""

import dataclasses
import functools
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bert_tf.tokenization import unicode_tables

_NUM_CODE_POINTS = 0x110000
_PAGE_BITS = 8
_CAPITAL_SIGMA, _FINAL_SIGMA = 0x3A3, 0x3C2
_SURROGATES = range(0xD800, 0xE000)
_HANGUL, _NUM_HANGUL = 0xAC00, 11172

# An entry of the table: what the character becomes (a place in the pool and a number), and flags.
_NUM_BITS = 3
_IS_IGNORABLE, _IS_CASED = 1 << 3, 1 << 4  # for the final sigma
_MOVES = 1 << 5  # what it becomes may change places with its neighbours
_IS_MARK = 1 << 6  # removed as an accent of the character before it
_PLACE_SHIFT = 7
_ITSELF = (0 << _PLACE_SHIFT) | 1  # place 0 of the pool stands for the character itself
_DROPPED = _IS_IGNORABLE  # as if it had never been there


class Normalized(NamedTuple):
    """Normalised texts, and where their characters come from.

    Attributes:
      points: int32 [N, (O)], code points.
      sources: int32 [O], the index in C of the character each comes from.
      source_splits: int64 [N + 1], where in C each original text begins.
      is_mark: bool [C], the character was removed as an accent.
    """

    points: tf.RaggedTensor
    sources: tf.Tensor
    source_splits: tf.Tensor
    is_mark: tf.Tensor


@tf.function(autograph=False, reduce_retracing=True)  # some hundred ops, which are slow if eager
def normalize_code_points(
    texts: tf.Tensor, *, do_lower_case: bool, strip_accents: bool | None = None
) -> Normalized:
    """Normalises texts as `words.normalize` does, character by character.

    Args:
      texts: string [N]. Bytes that are not UTF-8 count as U+FFFD, one for each maximal part of a
        character as in Python's `bytes.decode(errors="replace")`, and are dropped like it.
      do_lower_case: put it into lower case.
      strip_accents: decompose (NFD) and remove the marks of category Mn; None: if `do_lower_case`.

    Returns:
      the normalised texts and the source of each character.

    References: Unicode 14, sections 3.13 (final sigma) and 3.11 (canonical ordering).
    """
    original = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
    strip = do_lower_case if strip_accents is None else strip_accents
    table = _table(do_lower_case, strip)
    entries_C = _look_up(original.values, table)
    place_C = tf.bitwise.right_shift(entries_C, _PLACE_SHIFT)
    num_C = tf.bitwise.bitwise_and(entries_C, (1 << _NUM_BITS) - 1)
    places = tf.ragged.range(place_C, place_C + num_C, row_splits_dtype=tf.int64)
    sources_O = tf.cast(places.value_rowids(), tf.int32)
    points_O = tf.where(
        places.values == 0,
        tf.gather(original.values, sources_O),
        tf.gather(tf.constant(table.pool), places.values),
    )
    if do_lower_case:
        is_sigma_C = original.values == _CAPITAL_SIGMA
        points_O = tf.cond(
            tf.reduce_any(is_sigma_C),
            lambda: _with_final_sigmas(points_O, places, is_sigma_C, entries_C, original),
            lambda: points_O,
        )
    if strip:
        points_O, sources_O = tf.cond(
            tf.reduce_any(_has_flag(entries_C, _MOVES)),
            lambda: _in_canonical_order(points_O, sources_O, entries_C, original),
            lambda: (points_O, sources_O),
        )
    splits = tf.gather(places.row_splits, original.row_splits)
    return Normalized(
        points=tf.RaggedTensor.from_row_splits(points_O, splits, validate=False),
        sources=sources_O,
        source_splits=original.row_splits,
        is_mark=_has_flag(entries_C, _IS_MARK),
    )


def unchanged(texts: tf.Tensor) -> Normalized:
    """The code points of texts [N] as they are, in the form of `normalize_code_points`."""
    points = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
    return Normalized(
        points=points,
        sources=tf.range(tf.size(points.values)),
        source_splits=points.row_splits,
        is_mark=tf.zeros_like(points.values, tf.bool),
    )


@functools.cache
def unchanged_characters(do_lower_case: bool, strip_accents: bool | None = None) -> str:
    """A negated RE2 class: the characters that normalisation leaves as they are, wherever they are.

    ASCII letters and ASCII white space are among them: lower-casing those takes no table, and the
    splitter knows white space. Bytes that are not UTF-8 are not.
    """
    strip = do_lower_case if strip_accents is None else strip_accents
    entries = _table(do_lower_case, strip).all_entries() & ~(_IS_IGNORABLE | _IS_CASED)
    changes = entries != _ITSELF
    changes[: ord("z") + 1] &= entries[: ord("z") + 1] == 0
    changes[_SURROGATES] = True  # RE2 reads them; they are not UTF-8
    borders = np.flatnonzero(np.diff(changes, prepend=False, append=False)).reshape(-1, 2)
    ranges = (rf"\x{{{first:X}}}-\x{{{end - 1:X}}}" for first, end in borders)
    return f"[^{''.join(ranges)}]"


def _look_up(points_C: tf.Tensor, table: "_Table") -> tf.Tensor:
    page_C = tf.gather(tf.constant(table.page_of), tf.bitwise.right_shift(points_C, _PAGE_BITS))
    in_page_C = tf.bitwise.bitwise_and(points_C, (1 << _PAGE_BITS) - 1)
    return tf.gather(tf.constant(table.entries), page_C * (1 << _PAGE_BITS) + in_page_C)


def _has_flag(entries_C: tf.Tensor, flag: int) -> tf.Tensor:
    return tf.bitwise.bitwise_and(entries_C, flag) != 0


def _with_final_sigmas(
    points_O: tf.Tensor,
    places: tf.RaggedTensor,
    is_sigma_C: tf.Tensor,
    entries_C: tf.Tensor,
    original: tf.RaggedTensor,
) -> tf.Tensor:
    """Makes Σ a final ς after a cased letter, unless a cased letter follows."""
    places_K = tf.where(tf.logical_not(_has_flag(entries_C, _IS_IGNORABLE)))[:, 0]
    sigmas = tf.where(is_sigma_C)[:, 0]  # each is one of K
    end = tf.size(is_sigma_C, tf.int64)
    rank = tf.searchsorted(places_K, sigmas)
    around_K = tf.concat([[-1], places_K, [end]], axis=0)
    before, after = tf.gather(around_K, rank), tf.gather(around_K, rank + 2)
    row = tf.searchsorted(original.row_splits, sigmas, side="right") - 1
    is_cased_C = _has_flag(entries_C, _IS_CASED)
    is_final = (
        (before >= tf.gather(original.row_splits, row))
        & tf.gather(is_cased_C, tf.maximum(before, 0))
        & ~(
            (after < tf.gather(original.row_splits, row + 1))
            & tf.gather(is_cased_C, tf.minimum(after, end - 1))
        )
    )
    final_O1 = tf.gather(places.row_splits, sigmas[is_final])[:, tf.newaxis]
    final_sigmas = tf.fill(tf.shape(final_O1)[:1], _FINAL_SIGMA)
    return tf.tensor_scatter_nd_update(points_O, final_O1, final_sigmas)


def _in_canonical_order(
    points_O: tf.Tensor, sources_O: tf.Tensor, entries_C: tf.Tensor, original: tf.RaggedTensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Sorts what stands between two starters by combining class; equal classes stay in order.

    A character that decomposes into a starter and more begins with the starter, as
    make_unicode_tables.py checks. So what is sorted together begins at an original character.
    """
    borders = tf.constant(_parse_ranges(unicode_tables.NON_STARTERS).reshape(-1))
    is_starter_C = tf.searchsorted(borders, original.values, side="right") % 2 == 0
    begins_run_C = is_starter_C & (entries_C != _DROPPED)
    # Both terms count upwards, so the sum is another one from each starter and in each row.
    run_C = tf.cumsum(tf.cast(begins_run_C, tf.int64)) + original.value_rowids()
    moving, classes = map(tf.constant, _combining_classes())
    index_O = tf.minimum(tf.searchsorted(moving, points_O), tf.size(moving) - 1)
    class_O = tf.where(tf.gather(moving, index_O) == points_O, tf.gather(classes, index_O), 0)
    key_O = tf.gather(run_C, sources_O) * 256 + tf.cast(class_O, tf.int64)
    order_O = tf.argsort(key_O, stable=True)
    return tf.gather(points_O, order_O), tf.gather(sources_O, order_O)


@dataclasses.dataclass(frozen=True)
class _Table:
    """What each character becomes. Most pages of code points are equal and stored once.

    Attributes:
      page_of: int32 [4352], the page of each 256 code points.
      entries: int32, the entries of the pages one after the other.
      pool: int32, the code points that entries point to.
    """

    page_of: np.ndarray
    entries: np.ndarray
    pool: np.ndarray

    def all_entries(self) -> np.ndarray:
        """int32 [0x110000]."""
        return self.entries.reshape(-1, 1 << _PAGE_BITS)[self.page_of].reshape(-1)


@functools.cache
def _table(lower: bool, strip: bool) -> _Table:
    entries = np.full(_NUM_CODE_POINTS, _ITSELF, np.int32)
    pool = [0]
    moving = set(_combining_classes()[0].tolist() if strip else ())
    for point, target in _targets(lower, strip):
        flags = 0 if moving.isdisjoint(target) else _MOVES
        entries[point] = (len(pool) << _PLACE_SHIFT) | flags | len(target)
        pool += target
    if strip:
        entries[_members(unicode_tables.MARKS)] = _IS_MARK
        entries[sorted(moving)] |= _MOVES
    if lower:
        entries[_members(unicode_tables.CASED)] |= _IS_CASED
        entries[_members(unicode_tables.CASE_IGNORABLE)] |= _IS_IGNORABLE
    entries[_members(unicode_tables.DROPPED)] = _DROPPED
    number_of: dict[bytes, int] = {}
    pages = (page.tobytes() for page in entries.reshape(-1, 1 << _PAGE_BITS))
    page_of = [number_of.setdefault(page, len(number_of)) for page in pages]
    return _Table(
        page_of=np.array(page_of, np.int32),
        entries=np.frombuffer(b"".join(number_of), np.int32),
        pool=np.array(pool, np.int32),
    )


def _targets(lower: bool, strip: bool) -> Iterator[tuple[int, list[int]]]:
    """(code point, what it becomes) of each that neither stays nor disappears."""
    for point in _members(unicode_tables.SPACES):
        yield point, [ord(" ")]
    if lower and strip:
        yield from _parse_map(unicode_tables.UNCASED)
    elif lower or strip:
        yield from _targets_of_one(lower)
    if strip:
        for syllable in range(_NUM_HANGUL):  # Unicode 14, section 3.12
            jamo = [0x1100 + syllable // 588, 0x1161 + syllable % 588 // 28, 0x11A7 + syllable % 28]
            yield _HANGUL + syllable, jamo if syllable % 28 else jamo[:2]


def _targets_of_one(lower: bool) -> Iterator[tuple[int, list[int]]]:
    """Lower case alone, or decomposition alone, without marks.

    Of the characters that Unicode 14 changes, later versions change none otherwise. So Python may
    be asked here, whatever its version.
    """
    marks = set(_members(unicode_tables.MARKS).tolist())
    for point, _ in _parse_map(unicode_tables.UNCASED):
        character = chr(point)
        if lower:
            target = [ord(c) for c in character.lower()]
        else:
            decomposed = map(ord, unicodedata.normalize("NFD", character))
            target = [p for p in decomposed if p not in marks]
        if target != [point]:
            yield point, target


@functools.cache
def _combining_classes() -> tuple[np.ndarray, np.ndarray]:
    """Ascending code points other than marks that may change places, and their classes; int32."""
    pairs = [(point, target[0]) for point, target in _parse_map(unicode_tables.COMBINING_CLASSES)]
    points, classes = np.array(pairs, np.int32).T.copy()
    return points, classes


def _parse_ranges(ranges: str) -> np.ndarray:
    """int32 [ranges, 2], the first code point of each and the one after its last."""
    ends = [[int(end, 16) for end in item.split("-")] for item in ranges.split()]
    return np.array([(item[0], item[-1] + 1) for item in ends], np.int32)


def _members(ranges: str) -> np.ndarray:
    return np.concatenate([np.arange(*borders) for borders in _parse_ranges(ranges)])


def _parse_map(items: str) -> Iterator[tuple[int, list[int]]]:
    """Reads the form that the head of `unicode_tables.py` describes."""
    for item in items.split():
        source, sign, target = item.replace("=", " = ").replace(">", " > ").split()
        source, _, step = source.partition("/")
        first, end = _parse_ranges(source)[0]
        targets = [int(point, 16) for point in target.split(".")]
        for i, point in enumerate(range(first, end, int(step or 1))):
            shift = i * int(step or 1) if sign == ">" else 0
            yield point, [targets[0] + shift, *targets[1:]]
