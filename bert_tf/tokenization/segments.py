r"""Finds added tokens in texts, in TF ops, so that what is between them is tokenized by itself.

Every kind of tokenizer has added tokens by this, without knowing of them. The rules are those of
Hugging Face's `tokenizers` (tokenizers/src/tokenizer/added_vocabulary.rs): of two that begin at the
same place the longer wins, and for their flags see `AddedToken`.

Shapes: N texts, U segments of all texts, C characters of all texts, M matches, T tokens of all
texts, A added tokens. A dimension in brackets is ragged.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from bert_tf.tokenization.added_tokens import AddedToken, check
from bert_tf.tokenization.code_points import Normalized, unchanged
from bert_tf.tokenization.offsets import original_offsets

# A byte that no UTF-8 has, around each match. Without a capture group the op is ten times as fast.
_BORDER = b"\xff"
_MARKED = rb"\0".join([_BORDER, _BORDER])
# Rust's \s and \w, which are those of Unicode; RE2's own are ASCII.
_SPACE = r"[\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]"
_WORD = (
    r"[\p{L}\p{Nl}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}"
    r"\x{1F150}-\x{1F169}\x{1F170}-\x{1F189}]"
)
_NUM_BUCKETS = 2**62


class Segments(NamedTuple):
    """Texts in segments: text that is to be cut up, and added tokens.

    Attributes:
      texts: string [U]; an added token is an empty text.
      ids: int32 [U], the id of an added token, or -1.
      splits: int64 [N + 1], which segments each text has.
      begins, lengths: int32 [U], where in its text each stands, in characters, without the white
        space that an added token takes with it.
    """

    texts: tf.Tensor
    ids: tf.Tensor
    splits: tf.Tensor
    begins: tf.Tensor
    lengths: tf.Tensor


class WholeTokens:
    """The added and special tokens of a tokenizer, which are whole wherever they stand.

    Args:
      added: the added tokens; special tokens among them have flags of their own, or are left out.
      tokenizer: says which ids are special, and what the `normalized` form of a text is.
    """

    def __init__(self, added: Sequence[AddedToken], tokenizer: Any):
        self._tokenizer = tokenizer
        self.added = check([t for t in added if not self._is_usual(t)], tokenizer.kind)
        self._passes: dict[bool, list[_Pass]] = {}

    def _is_usual(self, token: AddedToken) -> bool:
        """Whether it is a special token as it is without being listed."""
        tokenizer = self._tokenizer
        inside = token.id in tokenizer.special_ids and token.id < len(tokenizer.vocabulary_tokens)
        return inside and token == tokenizer.special_token(token.id)

    def split(self, texts: tf.Tensor, keep_special_tokens: bool) -> Segments | None:
        """The segments of texts [N]; None if there are no tokens to be found.

        Args:
          keep_special_tokens: whether the special tokens are found too.
        """
        if keep_special_tokens not in self._passes:
            self._passes[keep_special_tokens] = self._make_passes(keep_special_tokens)
        segments = None
        for one in self._passes[keep_special_tokens]:
            inner = one.split(texts if segments is None else segments.texts)
            segments = inner if segments is None else _inside(segments, inner)
        return segments

    def _make_passes(self, keep_special_tokens: bool) -> list["_Pass"]:
        tokenizer, special_ids = self._tokenizer, set(self._tokenizer.special_ids)
        if keep_special_tokens:
            others = sorted(special_ids - {token.id for token in self.added})
            wanted = [*self.added, *map(tokenizer.special_token, others)]
        else:
            wanted = [token for token in self.added if token.id not in special_ids]
        as_it_is = [token for token in wanted if not token.normalized]
        others = [token for token in wanted if token.normalized]
        passes = []
        if as_it_is:
            spelling = [token.content for token in as_it_is]
            passes.append(_Pass(as_it_is, spelling, tf.identity, unchanged))
        if others:
            with tf.init_scope():
                contents = tf.constant([token.content for token in others])
                forms = [form.decode() for form in tokenizer.normalize(contents).numpy()]
            kept = [(token, form) for token, form in zip(others, forms, strict=True) if form]
            forms = tokenizer.normalize, tokenizer.normalize_with_sources
            passes.append(_Pass(*zip(*kept, strict=True), *forms, tokenizer.SET_APART))
        return passes


def joined(segments: Segments, ids: tf.RaggedTensor) -> tf.RaggedTensor:
    """The tokens of each text: int32 [N, (tokens)] from those of the segments, [U, (tokens)]."""
    return _with_added(segments, ids, segments.ids)


def joined_with_offsets(
    segments: Segments, ids: tf.RaggedTensor, starts: tf.RaggedTensor, ends: tf.RaggedTensor
) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
    """The tokens of each text and where they stand in it, from those of the segments."""
    begin_T = tf.gather(segments.begins, ids.value_rowids())
    starts, ends = (place.with_values(place.values + begin_T) for place in (starts, ends))
    return (
        _with_added(segments, ids, segments.ids),
        _with_added(segments, starts, segments.begins),
        _with_added(segments, ends, segments.begins + segments.lengths),
    )


def _with_added(segments: Segments, of_texts: tf.RaggedTensor, of_added_U: tf.Tensor):
    is_added = tf.cast(segments.ids >= 0, tf.int64)
    added = tf.boolean_mask(of_added_U, segments.ids >= 0)
    added = tf.RaggedTensor.from_row_lengths(added, is_added, validate=False)
    both = tf.concat([of_texts, added], axis=1)  # one of the two is empty
    splits = tf.gather(both.row_splits, segments.splits)
    return tf.RaggedTensor.from_row_splits(both.values, splits, validate=False)


def _inside(outer: Segments, inner: Segments) -> Segments:
    """Segments of the segments of texts, as segments of the texts."""
    counts = inner.splits[1:] - inner.splits[:-1]
    outer_of_U = tf.repeat(tf.range(tf.size(outer.ids)), tf.cast(counts, tf.int32))
    is_outer_U = tf.gather(outer.ids, outer_of_U) >= 0
    return Segments(
        inner.texts,
        tf.where(is_outer_U, tf.gather(outer.ids, outer_of_U), inner.ids),
        tf.gather(inner.splits, outer.splits),
        inner.begins + tf.gather(outer.begins, outer_of_U),
        tf.where(is_outer_U, tf.gather(outer.lengths, outer_of_U), inner.lengths),
    )


class _Pass:
    """Finds some added tokens in one form of the texts; see `WholeTokens`."""

    def __init__(
        self,
        tokens: Sequence[AddedToken],
        spelling: Sequence[str],
        normalize: Callable[[tf.Tensor], tf.Tensor],
        normalize_with_sources: Callable[[tf.Tensor], Normalized],
        set_apart: str = "",
    ):
        # Of alternatives RE2 takes the first: a longer one must come before those it begins with.
        pattern = "|".join(_escaped(text) for text in sorted(set(spelling), reverse=True))
        self._pattern, self._anywhere = pattern, rf"\C*(?:{pattern})\C*"
        self._normalize, self._normalize_with_sources = normalize, normalize_with_sources
        self._set_apart = set_apart
        with tf.init_scope():
            hashes = tf.strings.to_hash_bucket_fast(list(spelling), _NUM_BUCKETS).numpy()
        # Of two tokens with one form (`A` and `a` in lower case) the first is found.
        self._hashes_A, first = np.unique(hashes, return_index=True)
        tokens = [tokens[i] for i in first]
        self._ids_A = np.array([token.id for token in tokens], np.int32)
        self._flags = {
            name: np.array([getattr(token, name) for token in tokens])
            for name in ("single_word", "lstrip", "rstrip")
        }

        # Some hundred ops, which are slow if eager.
        signature = [tf.TensorSpec([None], tf.string)]
        self._cut_out = tf.function(self._split, input_signature=signature, autograph=False)

    def split(self, texts: tf.Tensor) -> Segments:
        form = self._normalize(texts)
        found = tf.reduce_any(tf.strings.regex_full_match(form, self._anywhere))
        return tf.cond(found, lambda: self._cut_out(texts), lambda: _whole(texts))

    def _split(self, texts: tf.Tensor) -> Segments:
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        normalized = self._normalize_with_sources(texts)
        form = tf.strings.unicode_encode(normalized.points, "UTF-8")
        marked = tf.strings.regex_replace(form, self._pattern, _MARKED)
        parts = tf.strings.split(marked, _BORDER)  # text, token, text, ..., text
        if self._flags["single_word"].any():
            parts = self._without_parts_of_words(parts)
        which, *places = self._matches(parts)
        own = original_offsets(normalized, *places[:2])
        taken = original_offsets(normalized, *places[2:]) if len(places) > 2 else own
        return _cut(texts, tf.gather(self._ids_A, which), own, taken)

    def _index(self, parts_U: tf.Tensor) -> tf.Tensor:
        """The index in A of parts that are tokens."""
        hashes_U = tf.strings.to_hash_bucket_fast(parts_U, _NUM_BUCKETS)
        index_U = tf.searchsorted(self._hashes_A, hashes_U)
        return tf.minimum(index_U, len(self._hashes_A) - 1)

    def _without_parts_of_words(self, parts: tf.RaggedTensor) -> tf.RaggedTensor:
        """Parts where a token with `single_word` that touches a word is text like any other."""
        is_token_U = _is_token(parts)
        # The text beside a token may be empty; then the token beyond it touches.
        tokens_U = tf.where(is_token_U, parts.values, "")
        before_U, after_U = (
            tf.strings.join([_shifted(tokens_U, 2 * by), _shifted(parts.values, by)][::by])
            for by in (1, -1)
        )
        touches_U = self._is_word(before_U, r"\C*{}") | self._is_word(after_U, r"{}\C*")
        single_U = tf.gather(self._flags["single_word"], self._index(parts.values))
        is_token_U &= tf.logical_not(single_U & touches_U)
        around_U = tf.where(is_token_U, _BORDER, b"")
        marked = parts.with_values(tf.strings.join([around_U, parts.values, around_U]))
        return tf.strings.split(tf.strings.reduce_join(marked, axis=1), _BORDER)

    def _is_word(self, parts_U: tf.Tensor, place: str) -> tf.Tensor:
        """Whether the first or last character of each part is one of a word."""
        is_word_U = tf.strings.regex_full_match(parts_U, place.format(_WORD))
        if not self._set_apart:
            return is_word_U
        apart_U = tf.strings.regex_full_match(parts_U, place.format(self._set_apart))
        return is_word_U & tf.logical_not(apart_U)

    def _matches(self, parts: tf.RaggedTensor) -> tuple[tf.Tensor, ...]:
        """Index in A, start and end of the tokens, [N, (M)] each, in bytes of the form.

        If a token may take white space with it, also start and end with that.
        """
        lengths_U = tf.strings.length(parts.values)
        ends_U = tf.cumsum(lengths_U)
        starts_U = ends_U - lengths_U
        row_start_N = tf.gather(tf.concat([[0], ends_U], 0), parts.row_splits[:-1])
        row_start_U = tf.gather(row_start_N, parts.value_rowids())
        is_token_U = _is_token(parts)
        index_U = self._index(parts.values)
        behind_U = self._taken(parts.values, is_token_U, index_U, "rstrip")
        taken_U = tf.roll(behind_U, 1, axis=0)  # from the beginning of this part
        rest_U = tf.strings.substr(parts.values, taken_U, lengths_U - taken_U)
        before_U = self._taken(rest_U, is_token_U, index_U, "lstrip")
        places = [starts_U - row_start_U, ends_U - row_start_U]
        if self._flags["lstrip"].any() or self._flags["rstrip"].any():
            places += [places[0] - before_U, places[1] + behind_U]
        is_token = parts.with_values(is_token_U)
        return tuple(
            tf.ragged.boolean_mask(parts.with_values(values), is_token)
            for values in (index_U, *(tf.cast(place, tf.int64) for place in places))
        )

    def _taken(self, parts_U, is_token_U, index_U, flag: str) -> tf.Tensor:
        """How many bytes of the part before or behind it each token takes."""
        if not self._flags[flag].any():
            return tf.zeros_like(index_U)
        left = flag == "lstrip"
        beside_U = _shifted(parts_U, 1 if left else -1)
        pattern = rf"{_SPACE}+$" if left else rf"^{_SPACE}+"
        stripped_U = tf.strings.regex_replace(beside_U, pattern, "", replace_global=False)
        taken_U = tf.strings.length(beside_U) - tf.strings.length(stripped_U)
        return tf.where(is_token_U & tf.gather(self._flags[flag], index_U), taken_U, 0)


def _escaped(text: str) -> str:
    return "".join(c if c.isalnum() or ord(c) > 127 else rf"\x{ord(c):02x}" for c in text)


def _is_token(parts: tf.RaggedTensor) -> tf.Tensor:
    """Bool [U]: text and tokens take turns, and text is first and last."""
    place_U = tf.range(tf.size(parts.values), dtype=tf.int64)
    place_U -= tf.gather(parts.row_starts(), parts.value_rowids())
    return place_U % 2 == 1


def _shifted(values_U: tf.Tensor, by: int) -> tf.Tensor:
    """The value `by` places before; nothing stands before the first and behind the last."""
    nothing = tf.fill([abs(by)], "")
    if by > 0:
        return tf.concat([nothing, values_U], axis=0)[: tf.size(values_U)]
    return tf.concat([values_U, nothing], axis=0)[-by:]


def _whole(texts: tf.Tensor) -> Segments:
    num_texts = tf.size(texts)
    return Segments(
        texts,
        tf.fill([num_texts], -1),
        tf.range(tf.cast(num_texts, tf.int64) + 1),
        tf.zeros([num_texts], tf.int32),
        tf.zeros([num_texts], tf.int32),
    )


def _cut(texts: tf.Tensor, ids: tf.RaggedTensor, own, taken) -> Segments:
    """Cuts texts [N] (valid UTF-8) where tokens [N, (M)] stand.

    Args:
      texts: string [N].
      ids: int32 [N, (M)].
      own: starts and ends of the tokens, int32 [N, (M)] each, in characters.
      taken: the same with the white space that they take with them.
    """
    points = tf.strings.unicode_decode(texts, "UTF-8")
    length_N = tf.cast(points.row_lengths(), tf.int32)
    # Text k of a row reaches from the end of token k - 1 to the start of token k.
    zero, last = tf.zeros_like(length_N)[:, tf.newaxis], length_N[:, tf.newaxis]
    text_begins, text_ends = tf.concat([zero, taken[1]], 1), tf.concat([taken[0], last], 1)
    begins = _taking_turns(text_begins, taken[0])
    lengths_U = _taking_turns(text_ends, taken[1]).values - begins.values
    borders = tf.concat([[0], tf.cumsum(tf.cast(lengths_U, tf.int64))], axis=0)
    parts = tf.RaggedTensor.from_row_splits(points.values, borders, validate=False)
    ids_U = _taking_turns(text_begins * 0 - 1, ids).values
    own_begins_U = _taking_turns(text_begins, own[0]).values
    return Segments(
        tf.where(ids_U >= 0, "", tf.strings.unicode_encode(parts, "UTF-8")),
        ids_U,
        begins.row_splits,
        own_begins_U,
        _taking_turns(text_ends, own[1]).values - own_begins_U,
    )


def _taking_turns(first: tf.RaggedTensor, second: tf.RaggedTensor) -> tf.RaggedTensor:
    """The values of `first` [N, (M + 1)] with those of `second` [N, (M)] between them."""
    row = tf.cast(first.value_rowids(), tf.int64)
    place_of_first = 2 * tf.range(tf.size(first.values, tf.int64)) - row
    row = tf.cast(second.value_rowids(), tf.int64)
    place_of_second = 2 * tf.range(tf.size(second.values, tf.int64)) + 1 + row
    place = tf.concat([place_of_first, place_of_second], 0)[:, tf.newaxis]
    values = tf.concat([first.values, second.values], 0)
    values = tf.scatter_nd(place, values, tf.shape(values, tf.int64))
    splits = first.row_splits + second.row_splits
    return tf.RaggedTensor.from_row_splits(values, splits, validate=False)
