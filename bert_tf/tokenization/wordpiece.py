"""BERT's WordPiece tokenizer as TensorFlow ops: text in, model inputs out, one implementation.

The same object builds pretraining data, feeds fine-tuning and is exported inside the SavedModel.
Token for token equal to Google's reference (google-research/bert, tokenization.py).

Shapes: N texts, S tokens in a row, T tokens of the whole batch, W words of the whole batch, V
vocabulary. A dimension in brackets is ragged.
"""

import os
import re

import tensorflow as tf
import tensorflow_text as tf_text

from bert_tf.tokenization import tokenizer_config
from bert_tf.tokenization.vocabulary import (
    CONTINUATION_PREFIX,
    SPECIAL_TOKENS,
    Vocabulary,
)
from bert_tf.tokenization.words import normalize

VOCABULARY_FILE = "vocab.txt"

# Stand-ins for special tokens while a text is normalised and split: characters that Unicode keeps
# for such internal use (noncharacters), so that no vocabulary holds them.
_STAND_INS = tuple(chr(0xFDD0 + i) for i in range(len(SPECIAL_TOKENS)))
_STAND_INS_PATTERN = r"[\x{FDD0}-\x{FDD4}]"
_ANOTHER_NONCHARACTER = chr(0xFDEF)

_MAX_BYTES_PER_CHARACTER = 4


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

    Reference: Song et al., "Fast WordPiece Tokenization" (EMNLP 2021), for the op that is used.
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
        # The op limits words by their bytes; the limit in characters is enforced afterwards.
        self._splitter = tf_text.FastWordpieceTokenizer(
            vocab=list(vocabulary.tokens),
            max_bytes_per_word=_MAX_BYTES_PER_CHARACTER * self.max_input_chars_per_word,
            token_out_type=tf.int32,
        )
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
            texts = _put_stand_ins(texts)
        texts = normalize(texts, do_lower_case=self.do_lower_case)
        ids, starts, ends = self._splitter.tokenize_with_offsets(texts)
        if keep_special_tokens:
            ids = self._resolve_stand_ins(texts, ids, starts, ends)
        return self._enforce_word_limit(texts, ids, starts, ends)

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
        first, second, num_truncated = truncate(first, second, room)
        return {
            **self._lay_out(first, second, [texts.shape[0], max_seq_length if pad else None]),
            "num_truncated_tokens": num_truncated,
        }

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
        is_special_T = tf.reduce_any(ids.values[:, tf.newaxis] == self._special_ids(), axis=-1)
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

    def _special_ids(self) -> tf.Tensor:
        return tf.constant(self.vocabulary.special_ids, tf.int32)

    def _lay_out(
        self, first: tf.RaggedTensor, second: tf.RaggedTensor | None, shape: list[int | None]
    ) -> dict[str, tf.Tensor]:
        """Adds [CLS] and [SEP] and pads to `shape`; a width of None is that of the longest row."""
        cls_N1 = tf.fill([first.nrows(), 1], self.vocabulary.cls_id)
        sep_N1 = tf.fill([first.nrows(), 1], self.vocabulary.sep_id)
        head = tf.concat([cls_N1, first, sep_N1], axis=1)
        tail = head[:, :0] if second is None else tf.concat([second, sep_N1], axis=1)
        segments = tf.concat([tf.zeros_like(head), tf.ones_like(tail)], axis=1)
        input_ids = tf.concat([head, tail], axis=1)
        return {
            "input_ids": input_ids.to_tensor(self.vocabulary.pad_id, shape=shape),
            "input_mask": tf.ones_like(input_ids).to_tensor(shape=shape),
            "segment_ids": segments.to_tensor(shape=shape),
        }

    def _resolve_stand_ins(
        self, texts: tf.Tensor, ids: tf.RaggedTensor, starts: tf.RaggedTensor, ends: tf.RaggedTensor
    ) -> tf.RaggedTensor:
        """Turns the words that are stand-ins, [UNK] so far, into the ids of special tokens."""
        unknown_U1 = tf.where(ids.values == self.vocabulary.unk_id)
        words_U1 = _words_at(texts, ids, starts.values, ends.values, unknown_U1)
        is_stand_in = words_U1 == tf.constant(_STAND_INS)
        special_U = tf.gather(self._special_ids(), tf.argmax(is_stand_in, axis=-1))
        new_ids_U = tf.where(tf.reduce_any(is_stand_in, -1), special_U, self.vocabulary.unk_id)
        return ids.with_values(tf.tensor_scatter_nd_update(ids.values, unknown_U1, new_ids_U))

    def _enforce_word_limit(
        self, texts: tf.Tensor, ids: tf.RaggedTensor, starts: tf.RaggedTensor, ends: tf.RaggedTensor
    ) -> tf.RaggedTensor:
        """Makes words of more than `max_input_chars_per_word` characters one [UNK].

        Only a word of more *bytes* can be too long, and that is cheap to see: hardly any batch
        pays for the counting of characters.
        """
        begins_word_T = tf.logical_not(tf.gather(self._is_continuation_V, ids.values))
        first_token_W = tf.where(begins_word_T)[:, 0]
        num_tokens = tf.shape(ids.values, tf.int64)[:1]
        last_token_W = tf.concat([first_token_W, num_tokens], axis=0)[1:] - 1
        ends_W = tf.gather(ends.values, last_token_W)
        num_bytes_W = ends_W - tf.gather(starts.values, first_token_W)
        suspect_W = num_bytes_W > self.max_input_chars_per_word

        def replace_long_words() -> tf.RaggedTensor:
            word_of_T = tf.cumsum(tf.cast(begins_word_T, tf.int64)) - 1
            suspects = tf.where(suspect_W)
            first_tokens = tf.gather(first_token_W, suspects)
            words = _words_at(texts, ids, starts.values, tf.gather(ends_W, word_of_T), first_tokens)
            is_long = tf.strings.length(words, "UTF8_CHAR") > self.max_input_chars_per_word
            is_long_W = tf.tensor_scatter_nd_update(suspect_W, suspects, is_long[:, 0])
            is_long_T = tf.gather(is_long_W, word_of_T)
            values = tf.where(is_long_T, self.vocabulary.unk_id, ids.values)
            keep_T = tf.logical_or(begins_word_T, tf.logical_not(is_long_T))
            return tf.ragged.boolean_mask(ids.with_values(values), ids.with_values(keep_T))

        return tf.cond(tf.reduce_any(suspect_W), replace_long_words, lambda: ids)


def truncate(
    first: tf.RaggedTensor, second: tf.RaggedTensor | None, room: int
) -> tuple[tf.RaggedTensor, tf.RaggedTensor | None, tf.Tensor]:
    """Shortens rows of tokens to `room` tokens together: the longer first, from the end.

    Closed form of `_truncate_seq_pair` (google-research/bert, create_pretraining_data.py), which
    takes one token at a time from the longer row, from the second when they are equally long.

    Args:
        first: [N, (tokens)].
        second: [N, (tokens)] or None.
        room: the number of tokens both may have together.

    Returns:
        both, shortened, and int32 [N], the number of tokens that were cut off.
    """
    if second is None:
        kept = first[:, :room]
        return kept, None, tf.cast(first.row_lengths() - kept.row_lengths(), tf.int32)
    num_first_N, num_second_N = first.row_lengths(), second.row_lengths()
    # Each may have what the other leaves, and half of the room at least (the first the odd token).
    allowed_first_N = tf.maximum(room - num_second_N, (room + 1) // 2)
    allowed_second_N = tf.maximum(room - num_first_N, room // 2)
    kept_first = _heads(first, allowed_first_N)
    kept_second = _heads(second, allowed_second_N)
    num_kept_N = kept_first.row_lengths() + kept_second.row_lengths()
    return kept_first, kept_second, tf.cast(num_first_N + num_second_N - num_kept_N, tf.int32)


def _heads(rows: tf.RaggedTensor, lengths_N: tf.Tensor) -> tf.RaggedTensor:
    """The first `lengths_N` values of each row."""
    position_T = tf.ragged.range(rows.row_lengths()).values
    keep_T = position_T < tf.gather(lengths_N, rows.value_rowids())
    return tf.ragged.boolean_mask(rows, rows.with_values(keep_T))


def _words_at(
    texts: tf.Tensor,
    ids: tf.RaggedTensor,
    starts_T: tf.Tensor,
    ends_T: tf.Tensor,
    indices: tf.Tensor,
) -> tf.Tensor:
    """The stretches of the normalised texts from `starts_T` to `ends_T` at token `indices`."""
    starts = tf.gather(starts_T, indices)
    rows = tf.gather(ids.value_rowids(), indices)
    return tf.strings.substr(tf.gather(texts, rows), starts, tf.gather(ends_T, indices) - starts)


def _put_stand_ins(texts: tf.Tensor) -> tf.Tensor:
    """Replaces special tokens by their stand-ins; stand-ins in the text itself lose their role."""
    texts = tf.strings.regex_replace(texts, _STAND_INS_PATTERN, _ANOTHER_NONCHARACTER)
    for token, stand_in in zip(SPECIAL_TOKENS, _STAND_INS, strict=True):
        texts = tf.strings.regex_replace(texts, re.escape(token), f" {stand_in} ")
    return texts


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
