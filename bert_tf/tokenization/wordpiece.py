"""BERT's WordPiece tokenizer as TensorFlow ops: text in, model inputs out, one implementation.

The same object builds pretraining data, feeds fine-tuning and is exported inside the SavedModel.
Token for token equal to Google's reference (google-research/bert, tokenization.py).

Shapes: N texts, S tokens in a row, T tokens of the whole batch, V vocabulary. A dimension in
brackets is ragged.
"""

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf.tokenization import tokenizer, words
from bert_tf.tokenization.added_tokens import AddedToken
from bert_tf.tokenization.code_points import Normalized, normalize_code_points
from bert_tf.tokenization.offsets import original_offsets
from bert_tf.tokenization.row_layout import RowLayout
from bert_tf.tokenization.splitting import Splitter, Tokens
from bert_tf.tokenization.vocabulary import CONTINUATION_PREFIX, Vocabulary
from bert_tf.tokenization.word_starts import IDEOGRAPHS

VOCABULARY_FILE = "vocab.txt"
_IDEOGRAPH = "[" + "".join(rf"\x{{{low:X}}}-\x{{{high:X}}}" for low, high in IDEOGRAPHS) + "]"


class WordPieceTokenizer(tokenizer.Tokenizer):
    """Cuts text into WordPiece ids, in the graph. For what it offers see the base class.

    Args:
      vocabulary: the tokens.
      do_lower_case: put the text into lower case, as the uncased models do.
      strip_accents: remove accents; None: if `do_lower_case`.
      max_input_chars_per_word: a word of more characters becomes [UNK]. 200 in
        google-research/bert; checkpoints trained with Hugging Face's tokenizer had 100.

    Example:
      tokenizer = WordPieceTokenizer(Vocabulary.from_file("vocab.txt"))
      inputs = tokenizer.encode(["A sentence."], ["Another."], max_seq_length=128)
    """

    FILES = (VOCABULARY_FILE,)
    SETTINGS = {"do_lower_case": bool, "strip_accents": bool, "max_input_chars_per_word": int}
    SET_APART = _IDEOGRAPH

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        do_lower_case: bool = True,
        strip_accents: bool | None = None,
        max_input_chars_per_word: int = 200,
        added: Sequence[AddedToken] = (),
    ):
        if max_input_chars_per_word < 1:
            raise ValueError(
                f"max_input_chars_per_word is {max_input_chars_per_word}; it must be at least 1"
            )
        self.vocabulary = vocabulary
        self.do_lower_case = bool(do_lower_case)
        same = strip_accents is None or bool(strip_accents) == self.do_lower_case
        self.strip_accents = None if same else bool(strip_accents)
        self.max_input_chars_per_word = int(max_input_chars_per_word)
        super().__init__(added)
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
        return cls(
            vocabulary,
            do_lower_case=do_lower_case,
            strip_accents=settings.get("strip_accents"),
            max_input_chars_per_word=limit,
            added=settings.get("added_tokens") or (),
        )

    def save_vocabulary(self, folder: str) -> None:
        """See the base class."""
        self.vocabulary.save(os.path.join(folder, VOCABULARY_FILE))

    @property
    def vocabulary_tokens(self) -> tuple[str, ...]:
        """See the base class."""
        return self.vocabulary.tokens

    @functools.cached_property
    def vocabulary_texts(self) -> tuple[str, ...]:
        """The tokens without `##`."""
        return tuple(token.removeprefix(CONTINUATION_PREFIX) for token in self.vocabulary.tokens)

    @functools.cached_property
    def vocabulary_begins_word(self) -> np.ndarray:
        """Bool: the token has no `##`."""
        return ~self.vocabulary.is_continuation

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
    def vocabulary_identity(self) -> str:
        """SHA-256 of vocab.txt."""
        return self.vocabulary.sha256

    def word_form(self, word: str) -> str:
        """See the base class."""
        return word.lower() if self.do_lower_case else word

    def normalize(self, texts: tf.Tensor) -> tf.Tensor:
        """See the base class."""
        return words.normalize(texts, **self._clean_up)

    def normalize_with_sources(self, texts: tf.Tensor) -> Normalized:
        """See the base class."""
        return normalize_code_points(texts, **self._clean_up)

    @property
    def _clean_up(self) -> dict[str, bool | None]:
        return {"do_lower_case": self.do_lower_case, "strip_accents": self.strip_accents}

    def cut(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """See the base class."""
        is_plain = tf.reduce_all(words.is_plain(texts, self.max_input_chars_per_word))
        return tf.cond(
            is_plain,
            lambda: self._cut_plain(texts).ids,
            lambda: self._splitter.split(self.normalize(texts)).ids,
        )

    def cut_with_offsets(
        self, texts: tf.Tensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """See the base class.

        A token begins at the first character that something of it comes from and ends after the
        last one. Characters that the clean-up drops (control, format) belong to a token if they
        stand inside it. An accent that is removed belongs to the character before it, so that a
        span never cuts it off. Where one character becomes several tokens (decomposed Hangul), each
        has all of it.
        """

        def cut_plain() -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
            tokens = self._cut_plain(texts)  # bytes are characters
            return tokens.ids, tf.cast(tokens.starts, tf.int32), tf.cast(tokens.ends, tf.int32)

        def cut_any() -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
            normalized = self.normalize_with_sources(texts)
            tokens = self._splitter.split(tf.strings.unicode_encode(normalized.points, "UTF-8"))
            return tokens.ids, *original_offsets(normalized, tokens.starts, tokens.ends)

        is_plain = tf.reduce_all(words.is_plain(texts, self.max_input_chars_per_word))
        return tf.cond(is_plain, cut_plain, cut_any)

    def _cut_plain(self, texts: tf.Tensor) -> Tokens:
        """Tokens of texts for which `words.is_plain` holds."""
        return self._splitter.split_short_words(
            tf.strings.lower(texts) if self.do_lower_case else texts
        )


Tokenizer = WordPieceTokenizer  # the name under which `finding.find` looks for it
