"""BERT's WordPiece tokenizer as TensorFlow ops: text in, model inputs out, one implementation.

The same object builds pretraining data, feeds fine-tuning and is exported inside the SavedModel.
Token for token equal to Google's reference (google-research/bert, tokenization.py).

Shapes: N texts, S tokens in a row, T tokens of the whole batch, V vocabulary. A dimension in
brackets is ragged.
"""

import functools
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf.tokenization import stand_ins, tokenizer, words
from bert_tf.tokenization.code_points import normalize_code_points
from bert_tf.tokenization.offsets import original_offsets
from bert_tf.tokenization.row_layout import RowLayout
from bert_tf.tokenization.splitting import Splitter, Tokens
from bert_tf.tokenization.vocabulary import CONTINUATION_PREFIX, Vocabulary

VOCABULARY_FILE = "vocab.txt"
# AutoGraph would find nothing to convert here, and take 1.5 s for it whenever a graph is made.
_as_written = tf.autograph.experimental.do_not_convert


class WordPieceTokenizer(tokenizer.Tokenizer):
    """Cuts text into WordPiece ids, in the graph. For what it offers see the base class.

    Args:
      vocabulary: the tokens.
      do_lower_case: lower-case the text and strip its accents, as the uncased models do.
      max_input_chars_per_word: a word of more characters becomes [UNK]. 200 in
        google-research/bert; checkpoints trained with Hugging Face's tokenizer had 100.

    Example:
      tokenizer = WordPieceTokenizer(Vocabulary.from_file("vocab.txt"))
      inputs = tokenizer.encode(["A sentence."], ["Another."], max_seq_length=128)
    """

    FILES = (VOCABULARY_FILE,)
    SETTINGS = {"do_lower_case": bool, "max_input_chars_per_word": int}

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        do_lower_case: bool = True,
        max_input_chars_per_word: int = 200,
    ):
        if max_input_chars_per_word < 1:
            raise ValueError(
                f"max_input_chars_per_word is {max_input_chars_per_word}; it must be at least 1"
            )
        self.vocabulary = vocabulary
        self.do_lower_case = bool(do_lower_case)
        self.max_input_chars_per_word = int(max_input_chars_per_word)
        super().__init__()
        self._splitter = Splitter(vocabulary, self.max_input_chars_per_word)

    @classmethod
    def read(cls, path: str, settings: Mapping[str, Any]) -> "WordPieceTokenizer":
        """The tokenizer of a vocabulary file, or of the `vocab.txt` in a folder; see `of`."""
        file = os.path.join(path, VOCABULARY_FILE) if tf.io.gfile.isdir(path) else path
        return cls.of(Vocabulary.from_file(file), settings, file)

    @classmethod
    def of(
        cls, vocabulary: Vocabulary, settings: Mapping[str, Any], source: str
    ) -> "WordPieceTokenizer":
        """The tokenizer of a vocabulary with settings that may be missing or None.

        Args:
          vocabulary: the tokens.
          settings: values of `SETTINGS`. Without `do_lower_case` it is inferred: a vocabulary with
            upper-case letters is a cased one. Without `max_input_chars_per_word` it is 200.
          source: where the vocabulary comes from, for the log.
        """
        do_lower_case = settings.get("do_lower_case")
        if do_lower_case is None:
            do_lower_case = not vocabulary.looks_cased
            logging.info("%s: do_lower_case=%s, inferred from the tokens", source, do_lower_case)
        limit = settings.get("max_input_chars_per_word") or 200
        return cls(vocabulary, do_lower_case=do_lower_case, max_input_chars_per_word=limit)

    def save_vocabulary(self, folder: str) -> None:
        """See the base class."""
        self.vocabulary.save(os.path.join(folder, VOCABULARY_FILE))

    @property
    def tokens(self) -> tuple[str, ...]:
        """See the base class."""
        return self.vocabulary.tokens

    @functools.cached_property
    def token_texts(self) -> tuple[str, ...]:
        """The tokens without `##`."""
        return tuple(token.removeprefix(CONTINUATION_PREFIX) for token in self.tokens)

    @functools.cached_property
    def begins_word(self) -> np.ndarray:
        """Bool [V], read-only: the token has no `##`."""
        begins_word = ~self.vocabulary.is_continuation
        begins_word.flags.writeable = False
        return begins_word

    @property
    def pad_id(self) -> int:
        """The id of [PAD]."""
        return self.vocabulary.pad_id

    @property
    def unk_id(self) -> int:
        """The id of [UNK]."""
        return self.vocabulary.unk_id

    @property
    def cls_id(self) -> int:
        """The id of [CLS]."""
        return self.vocabulary.cls_id

    @property
    def sep_id(self) -> int:
        """The id of [SEP]."""
        return self.vocabulary.sep_id

    @property
    def mask_id(self) -> int:
        """The id of [MASK]."""
        return self.vocabulary.mask_id

    @property
    def layout(self) -> RowLayout:
        """[CLS] A [SEP], or [CLS] A [SEP] B [SEP] with segment 1 from B on."""
        sep = (self.sep_id,)
        return RowLayout(before=(self.cls_id,), between=sep, after=sep, pad=self.pad_id)

    @property
    def identity(self) -> str:
        """SHA-256 of vocab.txt."""
        return self.vocabulary.sha256

    def word_form(self, word: str) -> str:
        """See the base class."""
        return word.lower() if self.do_lower_case else word

    @_as_written
    def tokenize(self, texts: tf.Tensor, *, keep_special_tokens: bool = False) -> tf.RaggedTensor:
        """See the base class."""
        texts = tokenizer.as_vector(texts, "texts")
        if keep_special_tokens:
            texts = stand_ins.put(texts)

        def tokenize_any() -> tf.RaggedTensor:
            normalized = words.normalize(texts, do_lower_case=self.do_lower_case)
            tokens = self._splitter.split(normalized)
            if not keep_special_tokens:
                return tokens.ids
            which_T = stand_ins.find(normalized, tokens, self.vocabulary.unk_id)
            return stand_ins.resolve(tokens.ids, which_T, self.vocabulary.special_ids)

        is_plain = tf.reduce_all(words.is_plain(texts, self.max_input_chars_per_word))
        return tf.cond(is_plain, lambda: self._tokenize_plain(texts).ids, tokenize_any)

    @_as_written
    def tokenize_with_offsets(
        self, texts: tf.Tensor, *, keep_special_tokens: bool = False
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """See the base class.

        A token begins at the first character that something of it comes from and ends after the
        last one. Characters that the clean-up drops (control, format) belong to a token if they
        stand inside it. An accent that is removed belongs to the character before it, so that a
        span never cuts it off. Where one character becomes several tokens (decomposed Hangul), each
        has all of it.
        """
        texts = tokenizer.as_vector(texts, "texts")
        if keep_special_tokens:
            texts = stand_ins.put(texts)

        def tokenize_plain() -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
            tokens = self._tokenize_plain(texts)  # bytes are characters
            return tokens.ids, tf.cast(tokens.starts, tf.int32), tf.cast(tokens.ends, tf.int32)

        def tokenize_any() -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
            points = normalize_code_points(texts, do_lower_case=self.do_lower_case)
            normalized = tf.strings.unicode_encode(points.points, "UTF-8")
            tokens = self._splitter.split(normalized)
            starts, ends = original_offsets(points, tokens.starts, tokens.ends)
            if not keep_special_tokens:
                return tokens.ids, starts, ends
            which_T = stand_ins.find(normalized, tokens, self.vocabulary.unk_id)
            ids = stand_ins.resolve(tokens.ids, which_T, self.vocabulary.special_ids)
            return ids, *stand_ins.widen(starts, ends, which_T)

        is_plain = tf.reduce_all(words.is_plain(texts, self.max_input_chars_per_word))
        return tf.cond(is_plain, tokenize_plain, tokenize_any)

    def _tokenize_plain(self, texts: tf.Tensor) -> Tokens:
        """Tokens of texts for which `words.is_plain` holds."""
        return self._splitter.split_short_words(
            tf.strings.lower(texts) if self.do_lower_case else texts
        )


Tokenizer = WordPieceTokenizer  # the name under which `tokenizer.find` looks for it
