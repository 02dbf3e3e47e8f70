"""BERT's WordPiece tokenizer as TensorFlow ops: text in, model inputs out, one implementation.

The same object builds pretraining data, feeds fine-tuning and is exported inside the SavedModel.
Token for token equal to Google's reference (google-research/bert, tokenization.py).

Shapes: N texts, S tokens in a row, T tokens of the whole batch, V vocabulary. A dimension in
brackets is ragged.
"""

import os

import tensorflow as tf

from bert_tf.tokenization import model_inputs, stand_ins, tokenizer_config, words
from bert_tf.tokenization.code_points import normalize_code_points
from bert_tf.tokenization.offsets import original_offsets
from bert_tf.tokenization.splitting import Splitter, Tokens
from bert_tf.tokenization.vocabulary import CONTINUATION_PREFIX, Vocabulary

VOCABULARY_FILE = "vocab.txt"
# AutoGraph would find nothing to convert here, and take 1.5 s for it whenever a graph is made.
_as_written = tf.autograph.experimental.do_not_convert


class Tokenizer(tf.Module):
    """Cuts text into WordPiece ids, in the graph.

    Works eagerly, in `tf.function`, in `tf.data.Dataset.map`, and as an attribute of a `tf.Module`
    that is exported with `tf.saved_model.save`.

    Args:
      vocabulary: the tokens.
      do_lower_case: lower-case the text and strip its accents, as the uncased models do.
      max_input_chars_per_word: a word of more characters becomes [UNK]. 200 in
        google-research/bert; checkpoints trained with Hugging Face's tokenizer had 100.

    Example:
      tokenizer = Tokenizer(Vocabulary.from_file("vocab.txt"))
      inputs = tokenizer.encode(["A sentence."], ["Another."], max_seq_length=128)
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        do_lower_case: bool = True,
        max_input_chars_per_word: int = 200,
    ):
        super().__init__(name="tokenizer")
        if max_input_chars_per_word < 1:
            raise ValueError(
                f"max_input_chars_per_word is {max_input_chars_per_word}; it must be at least 1"
            )
        self.vocabulary = vocabulary
        self.do_lower_case = bool(do_lower_case)
        self.max_input_chars_per_word = int(max_input_chars_per_word)
        self._splitter = Splitter(vocabulary, self.max_input_chars_per_word)
        self._tokens_V = tf.constant(vocabulary.tokens)
        self._is_continuation_V = tf.constant(vocabulary.is_continuation)

    @classmethod
    def from_folder(cls, path: str, do_lower_case: bool | None = None) -> "Tokenizer":
        """Reads `vocab.txt` and, if it is there, `tokenizer_config.json`.

        Args:
          path: a folder that holds them, or a vocabulary file (the JSON is looked for beside it).
          do_lower_case: overrides what the JSON says (with a warning). If neither says it, it is
            inferred: a vocabulary with upper-case letters is a cased one.

        Raises:
          ValueError: a file is missing or malformed, or written by a newer bert_tf.
        """
        folder = path if tf.io.gfile.isdir(path) else os.path.dirname(path)
        file = os.path.join(path, VOCABULARY_FILE) if folder == path else path
        vocabulary = Vocabulary.from_file(file)
        config = tokenizer_config.read(folder)
        do_lower_case = tokenizer_config.decide_lower_case(do_lower_case, config, vocabulary, file)
        return cls(
            vocabulary,
            do_lower_case=do_lower_case,
            max_input_chars_per_word=config.get("max_input_chars_per_word") or 200,
        )

    def save(self, folder: str) -> None:
        """Writes `vocab.txt` and `tokenizer_config.json` into `folder`, each in one piece."""
        tf.io.gfile.makedirs(folder)
        self.vocabulary.save(os.path.join(folder, VOCABULARY_FILE))
        tokenizer_config.write(
            folder,
            do_lower_case=self.do_lower_case,
            max_input_chars_per_word=self.max_input_chars_per_word,
        )

    @_as_written
    def tokenize(self, texts: tf.Tensor, *, keep_special_tokens: bool = False) -> tf.RaggedTensor:
        """Cuts texts into token ids, without [CLS] and [SEP].

        Args:
          texts: string [N], UTF-8 (bytes that are not are dropped).
          keep_special_tokens: a special token written in the text, such as [MASK], becomes its id
            (fill-mask). Otherwise it is text like any other, as training data must be read.

        Returns:
          int32 [N, (tokens)].

        Raises:
          ValueError: `texts` is not a vector.
        """
        texts = _as_vector(texts, "texts")
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
        """Cuts texts into token ids and tells which characters of the texts each stands for.

        Offsets count characters (code points) of the texts as given, before any clean-up: those of
        `text.decode("utf-8", errors="replace")[start:end]` in Python. A token begins at the first
        character that something of it comes from and ends after the last one. Characters that the
        clean-up drops (control, format) belong to a token if they stand inside it. An accent that
        is removed belongs to the character before it, so that a span never cuts it off. Where one
        character becomes several tokens (decomposed Hangul), each has all of it.

        Args:
          texts: string [N], UTF-8.
          keep_special_tokens: see `tokenize`.

        Returns:
          ids, equal to those of `tokenize`, starts and ends (exclusive): int32 [N, (tokens)].

        Raises:
          ValueError: `texts` is not a vector.
        """
        texts = _as_vector(texts, "texts")
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

    @_as_written
    def encode(
        self,
        texts: tf.Tensor,
        text_pairs: tf.Tensor | None = None,
        *,
        max_seq_length: int,
        pad: bool = True,
        keep_special_tokens: bool = False,
    ) -> dict[str, tf.Tensor]:
        """Makes model inputs in BERT's layout: [CLS] text [SEP], or [CLS] text [SEP] pair [SEP].

        What is too long loses tokens at its end; of a pair the longer loses first, of two equally
        long the second (`_truncate_seq_pair` of google-research/bert).

        Args:
          texts: string [N].
          text_pairs: string [N] or None.
          max_seq_length: the longest row, special tokens included.
          pad: True makes every row `max_seq_length` long; False only as long as the longest row.
          keep_special_tokens: see `tokenize`.

        Returns:
          int32 [N, S] `input_ids`, `input_mask` (1 on tokens, 0 on padding) and `segment_ids` (1
          on the pair and its [SEP]); int32 [N] `num_truncated_tokens`.

        Raises:
          ValueError: `max_seq_length` leaves no room, or the texts are not vectors of one length.
        """
        num_texts = 1 if text_pairs is None else 2
        room = max_seq_length - 1 - num_texts
        if room < num_texts:
            raise ValueError(
                f"max_seq_length is {max_seq_length}; {num_texts} text(s) with [CLS] and [SEP] "
                f"need at least {1 + 2 * num_texts}"
            )
        texts = _as_vector(texts, "texts")
        first = self.tokenize(texts, keep_special_tokens=keep_special_tokens)
        second = None
        if text_pairs is not None:
            text_pairs = _as_vector(text_pairs, "text_pairs")
            _check_pairs(texts, text_pairs)
            second = self.tokenize(text_pairs, keep_special_tokens=keep_special_tokens)
        *kept, num_truncated_N = model_inputs.truncate(first, second, room)
        width = max_seq_length if pad else None
        inputs = model_inputs.lay_out(first, second, tuple(kept), self.vocabulary, width)
        for tensor in inputs.values():
            tensor.set_shape([texts.shape[0], width])
        num_truncated_N.set_shape(texts.shape)
        return {**inputs, "num_truncated_tokens": num_truncated_N}

    @_as_written
    def decode(self, input_ids: tf.Tensor) -> tf.Tensor:
        """Puts ids back together as readable text, without the special tokens.

        Args:
          input_ids: int32 [N, S] or [N, (S)].

        Returns:
          string [N]: words separated by one space, pieces that begin with ## joined.
        """
        if not isinstance(input_ids, tf.RaggedTensor):
            input_ids = tf.RaggedTensor.from_tensor(input_ids)
        ids = input_ids.with_values(tf.cast(input_ids.values, tf.int32))
        is_special_T = tf.reduce_any(
            ids.values[:, tf.newaxis] == self.vocabulary.special_ids, axis=-1
        )
        ids = tf.ragged.boolean_mask(ids, ids.with_values(tf.logical_not(is_special_T)))
        tokens_T = tf.gather(self._tokens_V, ids.values)
        pieces_T = tf.where(
            tf.gather(self._is_continuation_V, ids.values),
            tf.strings.regex_replace(tokens_T, "^" + CONTINUATION_PREFIX, ""),
            tf.strings.join([" ", tokens_T]),
        )
        return tf.strings.strip(tf.strings.reduce_join(ids.with_values(pieces_T), axis=-1))

    def tokens_of(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """The tokens of ids, as strings of the same (dense or ragged) shape."""
        if isinstance(ids, tf.RaggedTensor):
            return tf.ragged.map_flat_values(self.tokens_of, ids)
        return tf.gather(self._tokens_V, ids)

    @_as_written
    def word_ids(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        """Which word of its text each token belongs to: 0 for the first word, and so on.

        Words are what WordPiece cuts up: a punctuation mark or a CJK ideograph is one too.

        Args:
          ids: int32 [N, (tokens)], from `tokenize` (so without [CLS] and [SEP]).

        Returns:
          int32 [N, (tokens)].
        """
        begins_word_T = tf.logical_not(tf.gather(self._is_continuation_V, ids.values))
        count_T = tf.cumsum(tf.cast(begins_word_T, tf.int32))
        before_N = tf.gather(tf.concat([[0], count_T], axis=0), ids.row_starts())
        return ids.with_values(count_T - 1 - tf.gather(before_N, ids.value_rowids()))

    def _tokenize_plain(self, texts: tf.Tensor) -> Tokens:
        """Tokens of texts for which `words.is_plain` holds."""
        return self._splitter.split_short_words(
            tf.strings.lower(texts) if self.do_lower_case else texts
        )


def _as_vector(texts: tf.Tensor, name: str) -> tf.Tensor:
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
