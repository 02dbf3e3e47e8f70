"""Byte-level BPE as TensorFlow ops: the tokenizer of GPT-2, RoBERTa and ModernBERT.

Every text can be written with it, and `decode` gives it back as it was. Ids are equal to those of
the `tokenizers` library.

Shapes: N texts, P pieces of texts, W words of all texts, M of them that are no token, U different
ones of these, T tokens of all texts, V vocabulary. A dimension in brackets is ragged.
"""

import dataclasses
import functools
import os
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.tokenization import added_tokens, byte_level, composition, tokenizer
from bert_tf.tokenization.added_tokens import AddedToken
from bert_tf.tokenization.byte_pair_merges import Merger
from bert_tf.tokenization.byte_pair_vocabulary import (
    MERGES_FILE,
    NO_TOKEN,
    VOCABULARY_FILE,
    BytePairVocabulary,
)
from bert_tf.tokenization.code_points import Normalized, unchanged
from bert_tf.tokenization.offsets import original_characters
from bert_tf.tokenization.row_layout import RowLayout

_DOUBLE, _SINGLE = "double_separator", "single_separator"  # between two texts of a row
_SPECIAL_TOKENS = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}
_NONE = -1


class BytePairTokenizer(tokenizer.Tokenizer):
    """Cuts text into byte-level BPE ids, in the graph. For what it offers see the base class.

    A blank before the mask token belongs to it, where special tokens are kept.

    Args:
      vocabulary: tokens and merges.
      add_prefix_space: a text begins like a word in the middle of one, with a space before it.
      row_layout: "double_separator" (RoBERTa's `<s> A </s></s> B </s>`, without segments) or
        "single_separator" (ModernBERT's, the second text is segment 1).
      normalization: "NFC" joins letters and marks before a text is cut up (ModernBERT); None: the
        text stays as it is.
      ignore_merges: a word that is a token is that token, whether merges lead to it or not.
      special_tokens: {"pad_token", "unk_token", "cls_token", "sep_token", "mask_token": spelling};
        what is missing is spelled as in RoBERTa.
      added: tokens that are whole in every text, see the base class.

    Example:
      tokenizer = bert_tf.load_tokenizer("roberta-base")
      inputs = tokenizer.encode(["A sentence."], ["Another."], max_seq_length=128)
    """

    FILES = (VOCABULARY_FILE, MERGES_FILE)
    SETTINGS = {
        "add_prefix_space": bool,
        "row_layout": str,
        "normalization": str,
        "ignore_merges": bool,
        **dict.fromkeys(_SPECIAL_TOKENS, str),
    }

    def __init__(
        self,
        vocabulary: BytePairVocabulary,
        *,
        add_prefix_space: bool = False,
        row_layout: str = _DOUBLE,
        normalization: str | None = None,
        ignore_merges: bool | None = None,
        special_tokens: Mapping[str, str] | None = None,
        added: Sequence[AddedToken] = (),
    ):
        if row_layout not in (_DOUBLE, _SINGLE):
            raise ValueError(f"row_layout is {row_layout!r}; expected {_DOUBLE!r} or {_SINGLE!r}")
        if normalization not in (None, composition.NFC):
            raise ValueError(f"normalization is {normalization!r}; expected 'NFC', or nothing")
        self.vocabulary = vocabulary
        self.normalization = normalization
        self.ignore_merges = True if ignore_merges else None  # None is not written
        self.add_prefix_space = bool(add_prefix_space)
        self.row_layout = row_layout
        for name, spelling in {**_SPECIAL_TOKENS, **(special_tokens or {})}.items():
            if spelling not in vocabulary:
                raise ValueError(
                    f"{name} is {spelling!r}, which is no token of the vocabulary; name the right "
                    "one in tokenizer_config.json"
                )
            setattr(self, name, spelling)
        super().__init__(added)
        behind = self.tokens[len(self.vocabulary_tokens) :]
        self._bytes_V = tf.constant([*self._token_bytes, *(t.encode("utf-8") for t in behind)])
        self._num_bytes_V = tf.constant(self._lengths())
        self._merger, self._whole_words = _merger_and_words(
            vocabulary, self.unk_id, bool(ignore_merges)
        )

    @classmethod
    def read(cls, path: str, settings: Mapping[str, Any]) -> "BytePairTokenizer":
        """The tokenizer in a folder, or of a `vocab.json` with `merges.txt` beside it.

        Raises:
          ValueError: a file is missing or malformed, or a special token is not in the vocabulary.
        """
        folder = path if tf.io.gfile.isdir(path) else os.path.dirname(path)
        file = path if path.endswith(".json") else os.path.join(folder, VOCABULARY_FILE)
        vocabulary = BytePairVocabulary.from_files(file, os.path.join(folder, MERGES_FILE))
        spellings = {name: settings[name] for name in _SPECIAL_TOKENS if settings.get(name)}
        return cls(
            vocabulary,
            add_prefix_space=settings.get("add_prefix_space") or False,
            row_layout=settings.get("row_layout") or _DOUBLE,
            normalization=settings.get("normalization"),
            ignore_merges=settings.get("ignore_merges"),
            special_tokens=spellings,
            added=settings.get("added_tokens", ()),
        )

    def save_vocabulary(self, folder: str) -> None:
        """See the base class."""
        self.vocabulary.save(folder)

    @property
    def vocabulary_tokens(self) -> tuple[str, ...]:
        """The tokens in GPT-2's alphabet of bytes; "" for an id that stands for nothing."""
        return self.vocabulary.tokens

    @functools.cached_property
    def _token_bytes(self) -> tuple[bytes, ...]:
        """The bytes that each token stands for; special tokens are themselves."""
        special = set(self.special_ids)
        return tuple(
            token.encode("utf-8") if i in special else self.vocabulary.bytes_of(token)
            for i, token in enumerate(self.vocabulary_tokens)
        )

    def _lengths(self) -> np.ndarray:
        """Int32 [V], how many bytes of a text each token takes: the unknown token one."""
        lengths = np.array([len(content) for content in self._token_bytes], np.int32)
        lengths[self.unk_id] = 1
        return lengths

    @functools.cached_property
    def vocabulary_texts(self) -> tuple[str, ...]:
        """The tokens as text, without a space before it; U+FFFD for parts of characters."""
        texts = (content.decode("utf-8", errors="replace") for content in self._token_bytes)
        return tuple(text.removeprefix(" ") for text in texts)

    @functools.cached_property
    def vocabulary_begins_word(self) -> np.ndarray:
        """Bool: the token begins with a blank or a sign, or is special."""
        special = set(self.special_ids)
        return np.array(
            [i in special or _begins_word(text) for i, text in enumerate(self._token_bytes)]
        )

    @property
    def pad_id(self) -> int:
        """The id of `pad_token`."""
        return self.vocabulary.id_of(self.pad_token)

    @property
    def unk_id(self) -> int:
        """The id of `unk_token`. A text needs it only if the vocabulary lacks single bytes."""
        return self.vocabulary.id_of(self.unk_token)

    @property
    def cls_id(self) -> int:
        """The id of `cls_token`."""
        return self.vocabulary.id_of(self.cls_token)

    @property
    def sep_id(self) -> int:
        """The id of `sep_token`."""
        return self.vocabulary.id_of(self.sep_token)

    @property
    def mask_id(self) -> int:
        """The id of `mask_token`."""
        return self.vocabulary.id_of(self.mask_token)

    @property
    def layout(self) -> RowLayout:
        """`<s> A </s>`, and of two texts what `row_layout` says."""
        sep, is_double = (self.sep_id,), self.row_layout == _DOUBLE
        return RowLayout(
            before=(self.cls_id,),
            between=2 * sep if is_double else sep,
            after=sep,
            pad=self.pad_id,
            second_segment=int(not is_double),
        )

    def special_token(self, token_id: int) -> AddedToken:
        """See the base class: the mask token takes the blanks before it with it."""
        return dataclasses.replace(
            added_tokens.special(self.vocabulary_tokens[token_id], token_id),
            lstrip=token_id == self.mask_id,
        )

    @property
    def vocabulary_identity(self) -> str:
        """SHA-256 of tokens and merges."""
        return self.vocabulary.sha256

    def normalize(self, texts: tf.Tensor) -> tf.Tensor:
        """See the base class: in NFC, if `normalization` says so."""
        texts = byte_level.as_utf8(texts)
        return composition.compose(texts) if self.normalization else texts

    def normalize_with_sources(self, texts: tf.Tensor) -> Normalized:
        """See the base class."""
        texts = byte_level.as_utf8(texts)
        return (composition.compose_with_sources if self.normalization else unchanged)(texts)

    def cut(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """See the base class. Bytes that are not UTF-8 count as U+FFFD."""
        return self._cut(self.normalize(texts))

    def cut_with_offsets(
        self, texts: tf.Tensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """See the base class.

        Spaces before a token are left out of its span; a token of spaces alone has an empty one. A
        token that is a part of a character has all of it; so has one of a character that several
        were joined to.
        """
        if self.normalization:
            normalized = self.normalize_with_sources(texts)
            form = tf.strings.unicode_encode(normalized.points, "UTF-8")
            ids, starts, ends = self._cut_with_offsets(form)
            return ids, *original_characters(normalized, starts, ends)
        return self._cut_with_offsets(byte_level.as_utf8(texts))

    def _cut_with_offsets(
        self, texts: tf.Tensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """Tokens of UTF-8 texts [N] and their places in these, in characters."""
        ids = self._cut(texts)
        rows_T = ids.value_rowids()
        padded = byte_level.with_prefix_space(texts) if self.add_prefix_space else texts
        starts_T, ends_T = byte_level.character_borders(
            padded, tf.gather(self._num_bytes_V, ids.values), rows_T
        )
        starts_T = tf.minimum(starts_T + tf.gather(self._num_spaces_V, ids.values), ends_T)
        if self.add_prefix_space:
            added_N = tf.strings.length(padded) - tf.strings.length(texts)
            added_T = tf.gather(added_N, rows_T)
            starts_T, ends_T = starts_T - added_T, ends_T - added_T
        return ids, ids.with_values(starts_T), ids.with_values(ends_T)

    def _cut(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Tokens of UTF-8 texts [N], int32 [N, (tokens)]."""
        if self.add_prefix_space:
            texts = byte_level.with_prefix_space(texts)
        words = byte_level.split(texts)
        ids_W = self._whole_words.lookup(words.values)
        missing_M = tf.where(ids_W == _NONE)[:, 0]

        def with_merges() -> tuple[tf.Tensor, tf.Tensor]:
            unique_U, which_M = tf.unique(tf.gather(words.values, missing_M))
            merged = self._merger(unique_U)
            num_M = tf.gather(tf.cast(merged.row_lengths(), tf.int32), which_M)
            begin_M = tf.gather(tf.cast(merged.row_starts(), tf.int32), which_M)
            begin_W = tf.tensor_scatter_nd_update(
                tf.range(tf.size(ids_W)), missing_M[:, tf.newaxis], tf.size(ids_W) + begin_M
            )
            num_W = tf.tensor_scatter_nd_update(
                tf.ones_like(ids_W), missing_M[:, tf.newaxis], num_M
            )
            read_T = tf.ragged.range(begin_W, begin_W + num_W).values
            splits_W = tf.concat([[0], tf.cumsum(num_W)], axis=0)
            ids_T = tf.gather(tf.concat([ids_W, merged.values], axis=0), read_T)
            return ids_T, tf.cast(tf.gather(splits_W, words.row_splits), tf.int64)

        ids_T, splits = tf.cond(
            tf.size(missing_M) > 0, with_merges, lambda: (ids_W, words.row_splits)
        )
        return tf.RaggedTensor.from_row_splits(ids_T, splits, validate=False)

    def join(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """See the base class: texts as they were, without a space that was put before them.

        What is no whole character becomes U+FFFD.
        """
        is_special_T = tf.reduce_any(ids.values[:, tf.newaxis] == self.special_ids, axis=-1)
        contents_T = tf.where(is_special_T, b"", tf.gather(self._bytes_V, ids.values))
        texts = tf.strings.reduce_join(ids.with_values(contents_T), axis=-1)
        if self.add_prefix_space:
            texts = tf.strings.regex_replace(texts, "^ ", "")
        return byte_level.as_utf8(texts)

    @functools.cached_property
    def _num_spaces_V(self) -> np.ndarray:
        """Int32 [V], with how many spaces each token begins."""
        return np.array([len(b) - len(b.lstrip(b" ")) for b in self._token_bytes], np.int32)


def _begins_word(content: bytes) -> bool:
    """Whether a token begins with a blank or a sign: no letter, number or part of a character."""
    first = content.decode("utf-8", errors="replace")[:1]
    return bool(first) and first != "\ufffd" and unicodedata.category(first)[0] not in "LMN"


@functools.lru_cache(maxsize=2)
def _merger_and_words(
    vocabulary: BytePairVocabulary, unk_id: int, ignore_merges: bool
) -> tuple[Merger, tf.lookup.StaticHashTable]:
    """Merges, and a table of the words that become a single token: all, if merges are ignored."""
    with tf.init_scope():  # not inside the graph of the first caller
        merger = Merger(vocabulary, unk_id)
        tokens = [token for token in vocabulary.tokens if token != NO_TOKEN]
        contents = [vocabulary.bytes_of(token) for token in tokens]
        own = {content: vocabulary.id_of(t) for content, t in zip(contents, tokens, strict=True)}
        merged = merger(tf.constant(contents))
        firsts = tf.gather(merged.values, merged.row_starts()).numpy().tolist()
        lengths = merged.row_lengths().numpy().tolist()
        words = {
            content: first
            for content, first, length in zip(contents, firsts, lengths, strict=True)
            if length == 1 and first != unk_id
        }
        words |= own if ignore_merges else {}
        initializer = tf.lookup.KeyValueTensorInitializer(
            tf.constant(list(words)), tf.constant(list(words.values()), tf.int32)
        )
        return merger, tf.lookup.StaticHashTable(initializer, default_value=_NONE)


Tokenizer = BytePairTokenizer  # the name under which `tokenizer.find` looks for it
