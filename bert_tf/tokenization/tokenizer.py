"""What a tokenizer must offer. Each kind is one module of this folder, or of another package.

Nothing outside of this folder knows how a special token is spelled, how a token says that it goes
on with a word, or which files a tokenizer has: it asks this contract.

Shapes: N texts, S tokens in a row, T tokens of the whole batch, V vocabulary. A dimension in
brackets is ragged.
"""

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from bert_tf import hub, members
from bert_tf.tokenization import (
    code_points,
    finding,
    model_inputs,
    segments,
    single_texts,
    tokenizer_config,
    word_starts,
)
from bert_tf.tokenization.added_tokens import AddedToken
from bert_tf.tokenization.token_list import TokenList

# AutoGraph would find nothing to convert here, and take 1.5 s for it whenever a graph is made.
_as_written = tf.autograph.experimental.do_not_convert


class Tokenizer(TokenList):
    """Text in, token ids and model inputs out, as TensorFlow ops.

    Works eagerly, in `tf.function`, in `tf.data.Dataset.map`, and as an attribute of a `tf.Module`
    that is exported with `tf.saved_model.save`. The same object builds pretraining data, feeds
    fine-tuning and is exported with the model.

    A new kind is a subclass in a module of its own, which exports it under the name `Tokenizer`. It
    sets `FILES` and `SETTINGS`, gives the properties and methods that are abstract here and in
    `TokenList`, and calls the constructor below once its tokens are known. `Tokenizer.from_folder`
    finds it by the `kind` in tokenizer_config.json.

    Attributes:
      FILES: names of the files that hold its vocabulary.
      SETTINGS: {name: type} of its settings: attributes of these names, kept in
        tokenizer_config.json. Types are bool, int (at least 1) and str.
      SET_APART: RE2 class of characters that are words of their own wherever they stand; "" if
        there are none. An added token with the flag `single_word` may touch them.
    """

    FILES: tuple[str, ...] = ()
    SETTINGS: Mapping[str, type] = {}
    SET_APART = ""

    def __new__(cls, *args: Any, **kwargs: Any):
        if cls is Tokenizer:
            what = repr(args[0]) if args else "PATH"
            raise TypeError(f"this is the base class; bert_tf.load_tokenizer({what}) reads one")
        return super().__new__(cls)

    def __init__(self, added: Sequence[AddedToken] = ()):
        super().__init__(name="tokenizer")
        self._whole = segments.WholeTokens(added, self)
        self._tokens_V = tf.constant(self.tokens)
        self._begins_word_V = tf.constant(self.begins_word)
        self._words = None

    # What each kind does.

    @abc.abstractmethod
    def cut(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Cuts texts into tokens of the vocabulary: see `tokenize`.

        What is written like a special or an added token is text like any other here.

        Args:
          texts: string [N], UTF-8 (bytes that are not are dropped).

        Returns:
          int32 [N, (tokens)].
        """

    @abc.abstractmethod
    def cut_with_offsets(
        self, texts: tf.Tensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """The same, and which characters of the texts each token stands for.

        Args:
          texts: string [N], UTF-8.

        Returns:
          see `tokenize_with_offsets`.
        """

    def normalize(self, texts: tf.Tensor) -> tf.Tensor:
        """The form of texts [N] in which added tokens with the flag `normalized` are found."""
        return texts

    def normalize_with_sources(self, texts: tf.Tensor) -> code_points.Normalized:
        """The same form of texts [N], and where its characters come from."""
        return code_points.unchanged(texts)

    @classmethod
    @abc.abstractmethod
    def read(cls, path: str, settings: Mapping[str, Any]) -> "Tokenizer":
        """The tokenizer in a folder, or of a vocabulary file.

        Args:
          path: the folder that holds `FILES`, or a file of its own name and place.
          settings: what tokenizer_config.json says, its types checked. Any key may be missing. Its
            `added_tokens`, if there are any, are a tuple of `AddedToken` for the constructor.

        Raises:
          ValueError: a file is missing or malformed.
        """

    @abc.abstractmethod
    def save_vocabulary(self, folder: str) -> None:
        """Writes `FILES` into `folder`, each in one piece."""

    # What all kinds share.

    @property
    def added(self) -> tuple[AddedToken, ...]:
        """Tokens that are whole in every text, and special tokens with unusual flags, by id."""
        return self._whole.added

    @_as_written
    @single_texts.or_one_text
    def tokenize(self, texts: tf.Tensor, *, keep_special_tokens: bool = False) -> tf.RaggedTensor:
        """Cuts texts into token ids, without special tokens around them.

        Args:
          texts: string [N], UTF-8 (bytes that are not are dropped), or a single text.
          keep_special_tokens: a special token written in the text, such as the mask token, becomes
            its id (fill-mask). Otherwise it is text like any other, as training data must be read.
            Other added tokens are found in either case.

        Returns:
          int32 [N, (tokens)], or [tokens] of a single text.

        Raises:
          ValueError: `texts` has more dimensions.
        """
        texts = model_inputs.as_vector(texts, "texts")
        found = self._whole.split(texts, keep_special_tokens)
        if found is None:
            return self.cut(texts)
        return segments.joined(found, self.cut(found.texts))

    @_as_written
    @single_texts.or_one_text
    def tokenize_with_offsets(
        self, texts: tf.Tensor, *, keep_special_tokens: bool = False
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """Cuts texts into token ids and tells which characters of the texts each stands for.

        Offsets count characters (code points) of the texts as given, before any clean-up: those of
        `text.decode("utf-8", errors="replace")[start:end]` in Python.

        Args:
          texts, keep_special_tokens: see `tokenize`.

        Returns:
          ids, starts and ends (exclusive), each of the form of what `tokenize` returns.
        """
        texts = model_inputs.as_vector(texts, "texts")
        found = self._whole.split(texts, keep_special_tokens)
        if found is None:
            return self.cut_with_offsets(texts)
        return segments.joined_with_offsets(found, *self.cut_with_offsets(found.texts))

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
        return finding.read_folder(hub.local(path), changes)

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
        """What tokenizer_config.json holds: the kind, each of `SETTINGS`, and added tokens."""
        found = {name: getattr(self, name) for name in self.SETTINGS}
        settings = {"kind": self.kind} | {k: v for k, v in found.items() if v is not None}
        added = [token.to_json() for token in self.added]
        return settings | ({"added_tokens": added} if added else {})

    def word_form(self, word: str) -> str:
        """The form in which this tokenizer sees a word: a lower-casing one in lower case."""
        return word

    @_as_written
    @single_texts.or_one_text
    def encode(
        self,
        texts: tf.Tensor,
        text_pairs: tf.Tensor | None = None,
        *,
        max_seq_length: int | None = None,
        pad: bool = True,
        keep_special_tokens: bool = False,
    ) -> dict[str, tf.Tensor]:
        """Makes model inputs in the layout of this tokenizer.

        What is too long loses tokens at its end. Of a pair the longer text loses first; of two
        equally long texts the second does (`_truncate_seq_pair` of google-research/bert).

        Args:
          texts: string [N], or a single text.
          text_pairs: as many, or None.
          max_seq_length: the longest row, special tokens included; None: rows of any length.
          pad: True makes every row `max_seq_length` long; False only as long as the longest row.
          keep_special_tokens: see `tokenize`.

        Returns:
          int32 [N, S] `input_ids`, `input_mask` (1 on tokens, 0 on padding) and `segment_ids`;
          int32 [N] `num_truncated_tokens`. Of a single text all of it without the N.

        Raises:
          ValueError: `max_seq_length` leaves no room, or the texts are not vectors of one length.
        """
        texts, text_pairs = model_inputs.as_vectors(texts, text_pairs)
        first = self.tokenize(texts, keep_special_tokens=keep_special_tokens)
        if text_pairs is not None:
            text_pairs = self.tokenize(text_pairs, keep_special_tokens=keep_special_tokens)
        return model_inputs.rows(first, text_pairs, self.layout, max_seq_length, pad=pad)

    @_as_written
    def decode(self, input_ids: tf.Tensor) -> tf.Tensor:
        """Puts ids back together as readable text, without the special tokens.

        Args:
          input_ids: int [N, S] or [N, (S)], or [S] of a single text; tensors, arrays or lists.

        Returns:
          string [N], or the single text.
        """
        ids, is_one = single_texts.as_rows(input_ids)
        texts = self.join(ids)
        return texts[0] if is_one else texts

    def join(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """The texts, string [N], of ids, int32 [N, (S)]: words and one space between them."""
        texts_V = tf.constant(self.token_texts)
        return word_starts.joined(ids, texts_V, self._begins_word_V, self.special_ids)

    @_as_written
    def word_ids(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        """Which word of its text each token belongs to: 0 for the first word, and so on.

        Words are what the tokenizer cuts up (see `begins_word`). The first token of a text begins
        one in any case.

        Args:
          ids: int32 [N, (tokens)], from `tokenize`, so without special tokens around them.

        Returns:
          int32 [N, (tokens)].
        """
        return word_starts.word_ids(ids, tf.gather(self._begins_word_V, ids.values))

    def words_begin(
        self, ids: tf.RaggedTensor, starts: tf.RaggedTensor, ends: tf.RaggedTensor
    ) -> tf.RaggedTensor:
        """Which tokens begin a word as annotated corpora count words, see `word_starts.WordStarts`.

        Args:
          ids, starts, ends: what `tokenize_with_offsets` returns.

        Returns:
          bool [N, (tokens)].
        """
        if self._words is None:
            with tf.init_scope():  # not inside the graph of the first caller
                self._words = word_starts.WordStarts(self.token_texts, self.begins_word)
        return self._words(ids, starts, ends)
