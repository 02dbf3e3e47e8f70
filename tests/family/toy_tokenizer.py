"""A second kind of tokenizer, as somebody outside of bert_tf would write it: one file.

Words are cut into characters; the first of a word carries a mark. Special tokens, their ids and the
layout of a row are those of RoBERTa, nothing is BERT's: `<s> A </s>`, `<s> A </s></s> B </s>`, no
segments.

Shapes: N texts, C characters of all texts, T tokens of all texts, P code points, V vocabulary.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.files import write_whole
from bert_tf.tokenization import tokenizer
from bert_tf.tokenization.row_layout import RowLayout

ALPHABET = "alphabet.json"
_FIRST, _LAST = ("<s>", "<pad>", "</s>", "<unk>"), ("<mask>",)
_NUM_POINTS = 0xE000  # all above are unknown
_SPACES = (0x20, 0x09, 0x0A, 0x0D)


class ToyTokenizer(tokenizer.Tokenizer):
    """Characters, of which the first of each word is marked.

    Args:
      alphabet: the characters of which a text may consist; others become <unk>.
      mark: of the first character of a word.
      added: tokens that are whole in every text.
    """

    FILES = (ALPHABET,)
    SETTINGS = {"mark": str}

    def __init__(self, alphabet: Sequence[str], *, mark: str = "_", added=()):
        self.alphabet, self.mark = tuple(alphabet), mark
        super().__init__(added)
        self._ids_2P = tf.constant(self._table())

    def _table(self) -> np.ndarray:
        """int32 [2, P + 1]: the id of each code point within a word, and at its beginning."""
        id_of = {token: i for i, token in enumerate(self.vocabulary_tokens)}
        table = np.full((2, _NUM_POINTS + 1), self.unk_id, np.int32)
        for character in self.alphabet:
            table[:, ord(character)] = id_of[character], id_of[self.mark + character]
        return table

    @property
    def vocabulary_tokens(self) -> tuple[str, ...]:
        marked = (self.mark + character for character in self.alphabet)
        return (*_FIRST, *marked, *self.alphabet, *_LAST)

    @property
    def vocabulary_texts(self) -> tuple[str, ...]:
        return (*_FIRST, *self.alphabet, *self.alphabet, *_LAST)

    @property
    def vocabulary_begins_word(self) -> np.ndarray:
        begins = np.ones(len(self.vocabulary_tokens), np.bool_)
        begins[len(_FIRST) + len(self.alphabet) : -len(_LAST)] = False
        return begins

    @property
    def cls_id(self) -> int:
        return _FIRST.index("<s>")

    @property
    def pad_id(self) -> int:
        return _FIRST.index("<pad>")

    @property
    def sep_id(self) -> int:
        return _FIRST.index("</s>")

    @property
    def unk_id(self) -> int:
        return _FIRST.index("<unk>")

    @property
    def mask_id(self) -> int:
        return len(self.vocabulary_tokens) - 1

    @property
    def layout(self) -> RowLayout:
        end = (self.sep_id,)
        return RowLayout((self.cls_id,), end * 2, end, self.pad_id, second_segment=0)

    @property
    def vocabulary_identity(self) -> str:
        return hashlib.sha256("\n".join(self.vocabulary_tokens).encode()).hexdigest()

    @classmethod
    def read(cls, path: str, settings: Mapping[str, Any]) -> "ToyTokenizer":
        file = os.path.join(path, ALPHABET) if tf.io.gfile.isdir(path) else path
        with tf.io.gfile.GFile(file) as opened:
            return cls(
                json.load(opened),
                mark=settings.get("mark") or "_",
                added=settings.get("added_tokens", ()),
            )

    def save_vocabulary(self, folder: str) -> None:
        content = json.dumps(self.alphabet) + "\n"
        write_whole(os.path.join(folder, ALPHABET), content.encode())

    def cut(self, texts):
        return self.cut_with_offsets(texts)[0]

    def cut_with_offsets(self, texts):
        points = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
        is_space_C = tf.reduce_any(points.values[:, tf.newaxis] == _SPACES, axis=-1)
        starts = tf.ragged.range(points.row_lengths())
        begins_C = tf.concat([[True], is_space_C], 0)[:-1] | (starts.values == 0)
        known_C = tf.minimum(points.values, _NUM_POINTS)
        ids_C = tf.gather_nd(self._ids_2P, tf.stack([tf.cast(begins_C, tf.int32), known_C], -1))
        starts_C = tf.cast(starts.values, tf.int32)
        is_token = points.with_values(tf.logical_not(is_space_C))
        return tuple(
            tf.ragged.boolean_mask(points.with_values(values), is_token)
            for values in (ids_C, starts_C, starts_C + 1)
        )


Tokenizer = ToyTokenizer
