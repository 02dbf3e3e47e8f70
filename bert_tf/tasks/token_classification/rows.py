"""Tagged words -> rows of tokens: the first token of each word is predicted.

Texts longer than a row become overlapping windows. In training and evaluation, each word counts
once, in the window in which it has most context. With document context, the windows span whole
documents, so that the model sees the neighbours of a sentence (Devlin et al. 2018, section 5.3).

Shapes: R rows, S tokens, W words, T tokens of all texts, E tokens of all windows.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import progress
from bert_tf.tasks.token_classification.columns import DOCUMENT_START, Sentence
from bert_tf.tasks.token_classification.tags import with_hyphens
from bert_tf.tokenization.model_inputs import lay_out
from bert_tf.tokenization.row_layout import RowLayout
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.windows import Windows, cut_windows

_WORDS_PER_CALL = 65536


class Rows(NamedTuple):
    """Rows of windows, and the places of the first token of each word.

    Attributes:
      inputs: int32 [R, S] `input_ids`, `input_mask`, `segment_ids`.
      word_rows, word_positions: int32 [W], row and position of each word.
    """

    inputs: dict[str, tf.Tensor]
    word_rows: tf.Tensor
    word_positions: tf.Tensor


def lay_out_words(
    ids: tf.RaggedTensor,
    first_tokens: tf.Tensor,
    layout: RowLayout,
    *,
    max_seq_length: int,
    stride: int,
    pad: bool,
) -> Rows:
    """Lays out texts of any length in rows, one window a row, in TF ops.

    Args:
      ids: int32 [N, (tokens)].
      first_tokens: int32 [W], the first token of each word, counted over all texts.
      layout: the row layout.
      max_seq_length: the largest S.
      stride: tokens between the beginnings of two windows.
      pad: pad every row to `max_seq_length`, instead of the longest row.

    Raises:
      ValueError: a row has no room for a token.
    """
    num_special = layout.num_special_tokens(1)
    if max_seq_length <= num_special:
        raise ValueError(
            f"a row of {max_seq_length} tokens has no room for a word and {num_special} special "
            f"tokens (data.max_seq_length); expected at least {num_special + 1}."
        )
    windows = cut_windows(ids.row_lengths(), max_seq_length - num_special, stride)
    tokens = windows.tokens.with_values(tf.gather(ids.values, windows.tokens.values))
    kept_R = tf.cast(tokens.row_lengths(), tf.int32)
    width = max_seq_length if pad else None
    inputs = lay_out(tokens, None, (kept_R, kept_R), layout, width)
    row_T, position_T = _best_places(windows, layout.first_begin, tf.size(ids.values))
    return Rows(inputs, tf.gather(row_T, first_tokens), tf.gather(position_T, first_tokens))


def _best_places(
    windows: Windows, first_begin: int, num_tokens: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """int32 [T] each: the row, and the position in it, in which each token has most context.

    Args:
      windows: over T tokens.
      first_begin: position in a row at which its window begins.
      num_tokens: T.
    """
    lengths_R = windows.tokens.row_lengths()
    row_E = tf.cast(windows.tokens.value_rowids(), tf.int32)
    position_E = first_begin + tf.cast(tf.ragged.range(lengths_R).values, tf.int32)
    best = tf.where(windows.is_best.values)[:, 0]
    token_T = tf.gather(windows.tokens.values, best)[:, tf.newaxis]
    shape = [num_tokens]
    row_T = tf.scatter_nd(token_T, tf.gather(row_E, best), shape)
    return row_T, tf.scatter_nd(token_T, tf.gather(position_E, best), shape)


@dataclasses.dataclass(frozen=True)
class TaggedData:
    """One file, ready for the model.

    Attributes:
      path: the file.
      sentences: its sentences, with their tags in the scheme of the labels.
      arrays: int32 [R, S] `input_ids`, `input_mask`, `segment_ids`, `label_ids`; float32 [R, S]
        `label_weights`, 1 for predicted tokens.
      word_rows, word_positions: int32 [W], where each word of all sentences is predicted.
    """

    path: str
    sentences: list[Sentence]
    arrays: dict[str, np.ndarray]
    word_rows: np.ndarray
    word_positions: np.ndarray

    def __len__(self) -> int:
        return len(self.arrays["input_ids"])


def check_documents(path: str, sentences: list[Sentence]) -> None:
    """Raises ValueError for the sentences of a file that does not mark documents."""
    if sentences[0].document < 0:
        raise ValueError(
            f"{path}: no {DOCUMENT_START} lines, which task.document_context needs. "
            "Pass --config.task.document_context=false."
        )


def encode_tagged(
    path: str,
    sentences: list[Sentence],
    labels: Sequence[str],
    tokenizer: Tokenizer,
    *,
    max_seq_length: int,
    stride: int,
    document_context: bool = False,
) -> TaggedData:
    """Makes the rows. A word without tokens becomes the unknown token.

    Raises:
      ValueError: as in `lay_out_words`; document context for a file that does not mark documents.
    """
    if document_context:
        check_documents(path, sentences)
    pieces = _tokenize_words([word for s in sentences for word in s.words], tokenizer)
    lengths_W = pieces.row_lengths().numpy()
    texts_W = np.repeat(
        [s.document if document_context else i for i, s in enumerate(sentences)],
        [len(s.words) for s in sentences],
    )
    num_tokens_N = np.bincount(texts_W, weights=lengths_W).astype(np.int64)
    # A document without sentences has no tokens, and so no row.
    ids = tf.RaggedTensor.from_row_lengths(pieces.values, num_tokens_N[num_tokens_N > 0])
    first_W = (np.cumsum(lengths_W) - lengths_W).astype(np.int32)
    rows = lay_out_words(
        ids, first_W, tokenizer.layout, max_seq_length=max_seq_length, stride=stride, pad=True
    )
    arrays = {name: tensor.numpy() for name, tensor in rows.inputs.items()}
    arrays["label_ids"] = np.zeros_like(arrays["input_ids"])
    arrays["label_weights"] = np.zeros(arrays["input_ids"].shape, np.float32)
    places = rows.word_rows.numpy(), rows.word_positions.numpy()
    if all(s.tags for s in sentences):
        id_of = {label: index for index, label in enumerate(with_hyphens(labels))}
        arrays["label_ids"][places] = [id_of[tag] for s in sentences for tag in s.tags]
    arrays["label_weights"][places] = 1.0
    logging.info(
        "%s: %d sentences, %d words, %d rows of %d tokens",
        path,
        len(sentences),
        len(first_W),
        len(arrays["input_ids"]),
        max_seq_length,
    )
    return TaggedData(path, sentences, arrays, *places)


def _tokenize_words(words: list[str], tokenizer: Tokenizer) -> tf.RaggedTensor:
    """int32 [W, (tokens)], at least one token for each word."""
    parts = progress.parts(len(words), _WORDS_PER_CALL, unit="words", description="tokenizing")
    pieces = tf.concat([tokenizer.tokenize(tf.constant(words[part])) for part in parts], axis=0)
    missing = tf.cast(pieces.row_lengths() == 0, tf.int64)
    unknown = tf.fill([tf.reduce_sum(missing)], tokenizer.unk_id)
    return tf.concat([pieces, tf.RaggedTensor.from_row_lengths(unknown, missing)], axis=1)
