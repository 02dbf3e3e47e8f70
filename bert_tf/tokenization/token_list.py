"""What a tokenizer says of its tokens: the part of the contract that needs no text.

Shapes: V vocabulary.
"""

import abc
import functools

import numpy as np
import tensorflow as tf

from bert_tf.tokenization import added_tokens
from bert_tf.tokenization.added_tokens import AddedToken
from bert_tf.tokenization.row_layout import RowLayout


class TokenList(tf.Module, abc.ABC):
    """The tokens of a tokenizer by their ids, what they stand for, and which are special.

    A kind of tokenizer gives the abstract properties; the others follow from them.
    """

    # What each kind says of its vocabulary.

    @property
    @abc.abstractmethod
    def vocabulary_tokens(self) -> tuple[str, ...]:
        """The tokens in the order of their ids, as the vocabulary spells them."""

    @property
    @abc.abstractmethod
    def vocabulary_texts(self) -> tuple[str, ...]:
        """The text that each of them stands for: without marks of where words begin."""

    @property
    @abc.abstractmethod
    def vocabulary_begins_word(self) -> np.ndarray:
        """Bool: each of them begins a word. A punctuation mark is a word of its own."""

    @property
    @abc.abstractmethod
    def vocabulary_identity(self) -> str:
        """SHA-256 of the vocabulary, in hex."""

    @property
    @abc.abstractmethod
    def pad_id(self) -> int:
        """Fills a row up."""

    @property
    @abc.abstractmethod
    def unk_id(self) -> int:
        """Stands for a text that the vocabulary cannot write."""

    @property
    @abc.abstractmethod
    def cls_id(self) -> int:
        """Begins every row and stands for all of it."""

    @property
    @abc.abstractmethod
    def sep_id(self) -> int:
        """Ends a text."""

    @property
    @abc.abstractmethod
    def mask_id(self) -> int:
        """Stands for a token to be predicted."""

    @property
    @abc.abstractmethod
    def layout(self) -> RowLayout:
        """Where the special tokens stand in a row."""

    def special_token(self, token_id: int) -> AddedToken:
        """A special token of the vocabulary, with the flags that it has if no file has others."""
        return added_tokens.special(self.vocabulary_tokens[token_id], token_id)

    @property
    @abc.abstractmethod
    def added(self) -> tuple[AddedToken, ...]:
        """Tokens that are whole in every text, and special tokens with unusual flags, by id."""

    # What follows from it.

    @functools.cached_property
    def tokens(self) -> tuple[str, ...]:
        """All tokens in the order of their ids: those of the vocabulary, then those added to it."""
        return added_tokens.extended(self.vocabulary_tokens, self.added)

    @functools.cached_property
    def token_texts(self) -> tuple[str, ...]:
        """The text that each token stands for: its spelling without marks of where words begin."""
        texts = self.vocabulary_texts
        return (*texts, *self.tokens[len(texts) :])

    @functools.cached_property
    def begins_word(self) -> np.ndarray:
        """Bool [V], read-only: the token begins a word. An added token does."""
        begins = np.ones(len(self.tokens), np.bool_)
        begins[: len(self.vocabulary_tokens)] = self.vocabulary_begins_word
        begins.flags.writeable = False
        return begins

    @functools.cached_property
    def identity(self) -> str:
        """SHA-256 of all tokens, in hex: data and models name their tokenizer by it."""
        return added_tokens.identity(self.vocabulary_identity, self.added)

    @property
    def special_ids(self) -> tuple[int, ...]:
        """The ids of padding, unknown, first, separator and mask token, in this order."""
        return (self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id)

    def __len__(self) -> int:
        return len(self.tokens)

    def tokens_of(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """The tokens of ids, as strings of the same (dense or ragged) shape."""
        if isinstance(ids, tf.RaggedTensor):
            return tf.ragged.map_flat_values(self.tokens_of, ids)
        return tf.gather(self._tokens_V, ids)
