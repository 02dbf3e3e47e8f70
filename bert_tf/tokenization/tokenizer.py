"""What a tokenizer must offer. Each kind is one module of this folder, or of another package.

Nothing outside of this folder knows how a special token is spelled, how a token says that it goes
on with a word, or which files a tokenizer has: it asks this contract.

Shapes: N texts, S tokens in a row, T tokens of the whole batch, V vocabulary. A dimension in
brackets is ragged.
"""

import abc
import inspect
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf import members
from bert_tf.tokenization import model_inputs, tokenizer_config
from bert_tf.tokenization.row_layout import RowLayout
from bert_tf.tokenization.word_starts import WordStarts, is_first

WORDPIECE = "wordpiece"  # the kind of a folder that names none


class Tokenizer(tf.Module, abc.ABC):
    """Text in, token ids and model inputs out, as TensorFlow ops.

    Works eagerly, in `tf.function`, in `tf.data.Dataset.map`, and as an attribute of a `tf.Module`
    that is exported with `tf.saved_model.save`. The same object builds pretraining data, feeds
    fine-tuning and is exported with the model.

    A new kind is a subclass in a module of its own, which exports it under the name `Tokenizer`. It
    sets `FILES` and `SETTINGS`, gives the properties and methods that are abstract here, and calls
    the constructor below once its tokens are known. `Tokenizer.from_folder` finds it by the `kind`
    in tokenizer_config.json.

    Attributes:
      FILES: names of the files that hold its vocabulary.
      SETTINGS: {name: type} of its settings: attributes of these names, kept in
        tokenizer_config.json. Types are bool, int (at least 1) and str.
    """

    FILES: tuple[str, ...] = ()
    SETTINGS: Mapping[str, type] = {}

    def __init__(self):
        super().__init__(name="tokenizer")
        self._tokens_V = tf.constant(self.tokens)
        self._begins_word_V = tf.constant(self.begins_word)
        self._words = None

    # What each kind says of its vocabulary.

    @property
    @abc.abstractmethod
    def tokens(self) -> tuple[str, ...]:
        """The tokens in the order of their ids, as the vocabulary spells them."""

    @property
    @abc.abstractmethod
    def token_texts(self) -> tuple[str, ...]:
        """The text that each token stands for: its spelling without marks of where words begin."""

    @property
    @abc.abstractmethod
    def begins_word(self) -> np.ndarray:
        """Bool [V], read-only: the token begins a word. A punctuation mark is a word of its own."""

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

    @property
    @abc.abstractmethod
    def identity(self) -> str:
        """SHA-256 of the vocabulary, in hex: data and models name their tokenizer by it."""

    # What each kind does.

    @abc.abstractmethod
    def tokenize(self, texts: tf.Tensor, *, keep_special_tokens: bool = False) -> tf.RaggedTensor:
        """Cuts texts into token ids, without special tokens around them.

        Args:
          texts: string [N], UTF-8 (bytes that are not are dropped).
          keep_special_tokens: a special token written in the text, such as the mask token, becomes
            its id (fill-mask). Otherwise it is text like any other, as training data must be read.

        Returns:
          int32 [N, (tokens)].

        Raises:
          ValueError: `texts` is not a vector.
        """

    @abc.abstractmethod
    def tokenize_with_offsets(
        self, texts: tf.Tensor, *, keep_special_tokens: bool = False
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """Cuts texts into token ids and tells which characters of the texts each stands for.

        Offsets count characters (code points) of the texts as given, before any clean-up: those of
        `text.decode("utf-8", errors="replace")[start:end]` in Python.

        Args:
          texts: string [N], UTF-8.
          keep_special_tokens: see `tokenize`.

        Returns:
          ids, equal to those of `tokenize`, starts and ends (exclusive): int32 [N, (tokens)].

        Raises:
          ValueError: `texts` is not a vector.
        """

    @classmethod
    @abc.abstractmethod
    def read(cls, path: str, settings: Mapping[str, Any]) -> "Tokenizer":
        """The tokenizer in a folder, or of a vocabulary file.

        Args:
          path: the folder that holds `FILES`, or a file of its own name and place.
          settings: what tokenizer_config.json says, its types checked. Any key may be missing.

        Raises:
          ValueError: a file is missing or malformed.
        """

    @abc.abstractmethod
    def save_vocabulary(self, folder: str) -> None:
        """Writes `FILES` into `folder`, each in one piece."""

    # What all kinds share.

    @staticmethod
    def from_folder(path: str, **changes: Any) -> "Tokenizer":
        """The tokenizer in a folder, of the kind that its `tokenizer_config.json` names.

        Args:
          path: the folder, or a vocabulary file (the JSON is looked for beside it). A folder
            without that JSON, or without a kind in it, holds a WordPiece vocabulary.
          **changes: settings to use in place of those of the JSON (with a warning where they
            differ). None changes nothing.

        Raises:
          ValueError: a file is missing or malformed, or written by a newer bert_tf; a setting that
            this kind does not have.
        """
        folder = path if tf.io.gfile.isdir(path) else os.path.dirname(path)
        settings = tokenizer_config.read(folder)
        kind = settings.get("kind") or WORDPIECE
        cls = find(kind, os.path.join(folder, tokenizer_config.CONFIG_FILE))
        tokenizer_config.check_types(folder, settings, cls.SETTINGS)
        changes = {name: value for name, value in changes.items() if value is not None}
        if unknown := sorted(set(changes) - set(cls.SETTINGS)):
            raise ValueError(
                f"{path}: a tokenizer of kind {kind!r} has no setting {unknown[0]!r}. "
                f"Known: {', '.join(cls.SETTINGS) or 'none'}."
            )
        return cls.read(path, tokenizer_config.changed(path, settings, changes))

    def save(self, folder: str) -> None:
        """Writes all `files` into `folder`, each in one piece."""
        tf.io.gfile.makedirs(folder)
        self.save_vocabulary(folder)
        tokenizer_config.write(folder, self.settings())

    @property
    def kind(self) -> str:
        """The name of the member of `bert_tf.tokenization` that this is."""
        return members.name_of(type(self))

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that `save` writes."""
        return (*self.FILES, tokenizer_config.CONFIG_FILE)

    def settings(self) -> dict[str, Any]:
        """What tokenizer_config.json holds: the kind, and each of `SETTINGS`."""
        return {"kind": self.kind} | {name: getattr(self, name) for name in self.SETTINGS}

    @property
    def special_ids(self) -> tuple[int, ...]:
        """The ids of padding, unknown, first, separator and mask token, in this order."""
        return (self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id)

    def __len__(self) -> int:
        return len(self.tokens)

    def word_form(self, word: str) -> str:
        """The form in which this tokenizer sees a word: a lower-casing one in lower case."""
        return word

    @tf.autograph.experimental.do_not_convert
    def encode(
        self,
        texts: tf.Tensor,
        text_pairs: tf.Tensor | None = None,
        *,
        max_seq_length: int,
        pad: bool = True,
        keep_special_tokens: bool = False,
    ) -> dict[str, tf.Tensor]:
        """Makes model inputs in the layout of this tokenizer.

        What is too long loses tokens at its end. Of a pair the longer text loses first; of two
        equally long texts the second does (`_truncate_seq_pair` of google-research/bert).

        Args:
          texts: string [N].
          text_pairs: string [N] or None.
          max_seq_length: the longest row, special tokens included.
          pad: True makes every row `max_seq_length` long; False only as long as the longest row.
          keep_special_tokens: see `tokenize`.

        Returns:
          int32 [N, S] `input_ids`, `input_mask` (1 on tokens, 0 on padding) and `segment_ids`;
          int32 [N] `num_truncated_tokens`.

        Raises:
          ValueError: `max_seq_length` leaves no room, or the texts are not vectors of one length.
        """
        room = self.layout.room(max_seq_length, 1 if text_pairs is None else 2)
        texts = as_vector(texts, "texts")
        first = self.tokenize(texts, keep_special_tokens=keep_special_tokens)
        second = None
        if text_pairs is not None:
            text_pairs = as_vector(text_pairs, "text_pairs")
            _check_pairs(texts, text_pairs)
            second = self.tokenize(text_pairs, keep_special_tokens=keep_special_tokens)
        *kept, num_truncated_N = model_inputs.truncate(first, second, room)
        width = max_seq_length if pad else None
        inputs = model_inputs.lay_out(first, second, tuple(kept), self.layout, width)
        for tensor in inputs.values():
            tensor.set_shape([texts.shape[0], width])
        num_truncated_N.set_shape(texts.shape)
        return {**inputs, "num_truncated_tokens": num_truncated_N}

    @tf.autograph.experimental.do_not_convert
    def decode(self, input_ids: tf.Tensor) -> tf.Tensor:
        """Puts ids back together as readable text, without the special tokens.

        Args:
          input_ids: int32 [N, S] or [N, (S)].

        Returns:
          string [N]: words separated by one space, the pieces of a word joined.
        """
        if not isinstance(input_ids, tf.RaggedTensor):
            input_ids = tf.RaggedTensor.from_tensor(input_ids)
        ids = input_ids.with_values(tf.cast(input_ids.values, tf.int32))
        is_special_T = tf.reduce_any(ids.values[:, tf.newaxis] == self.special_ids, axis=-1)
        ids = tf.ragged.boolean_mask(ids, ids.with_values(tf.logical_not(is_special_T)))
        texts_T = tf.gather(tf.constant(self.token_texts), ids.values)
        begins_word_T = tf.gather(self._begins_word_V, ids.values)
        pieces_T = tf.where(begins_word_T, tf.strings.join([" ", texts_T]), texts_T)
        return tf.strings.strip(tf.strings.reduce_join(ids.with_values(pieces_T), axis=-1))

    def tokens_of(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """The tokens of ids, as strings of the same (dense or ragged) shape."""
        if isinstance(ids, tf.RaggedTensor):
            return tf.ragged.map_flat_values(self.tokens_of, ids)
        return tf.gather(self._tokens_V, ids)

    @tf.autograph.experimental.do_not_convert
    def word_ids(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        """Which word of its text each token belongs to: 0 for the first word, and so on.

        Words are what the tokenizer cuts up (see `begins_word`). The first token of a text begins
        one in any case.

        Args:
          ids: int32 [N, (tokens)], from `tokenize`, so without special tokens around them.

        Returns:
          int32 [N, (tokens)].
        """
        begins_word_T = tf.gather(self._begins_word_V, ids.values) | is_first(ids)
        count_T = tf.cumsum(tf.cast(begins_word_T, tf.int32))
        before_N = tf.gather(tf.concat([[0], count_T], axis=0), ids.row_starts())
        return ids.with_values(count_T - 1 - tf.gather(before_N, ids.value_rowids()))

    def words_begin(
        self, ids: tf.RaggedTensor, starts: tf.RaggedTensor, ends: tf.RaggedTensor
    ) -> tf.RaggedTensor:
        """Which tokens begin a word as annotated corpora count words, see `WordStarts`.

        Args:
          ids, starts, ends: what `tokenize_with_offsets` returns.

        Returns:
          bool [N, (tokens)].
        """
        if self._words is None:
            with tf.init_scope():  # not inside the graph of the first caller
                self._words = WordStarts(self.token_texts, self.begins_word)
        return self._words(ids, starts, ends)


def find(kind: str, where: str) -> type[Tokenizer]:
    """The class of tokenizers of a kind, which its module exports under the name `Tokenizer`.

    Args:
      kind: a name that `Tokenizer.kind` gave.
      where: the file that it was read from, for the error.

    Raises:
      ValueError: there is no such kind, see `members.find`.
    """
    cls = members.find("tokenization", kind, where).Tokenizer
    if inspect.isabstract(cls):
        known = ", ".join(members.known("tokenization"))
        raise ValueError(f"{where}: no kind of tokenizer is called {kind!r}. Known: {known}.")
    return cls


def as_vector(texts: tf.Tensor, name: str) -> tf.Tensor:
    """`texts` as a string tensor [N]; ValueError for any other shape."""
    texts = tf.convert_to_tensor(texts, tf.string)
    if texts.shape.rank != 1:
        raise ValueError(
            f"{name} has shape {texts.shape}; expected a vector of strings (a single text goes in "
            "a list, a matrix has to be flattened)"
        )
    return texts


def _check_pairs(texts: tf.Tensor, text_pairs: tf.Tensor) -> None:
    if not texts.shape.is_compatible_with(text_pairs.shape):
        raise ValueError(
            f"{texts.shape[0]} texts, but {text_pairs.shape[0]} text_pairs; "
            "every text needs exactly one"
        )
