"""Tagged words -> rows of tokens: the first token of each word is predicted.

What is longer than a row is read in overlapping windows; each word counts once, in the window in
which it has most context, in training as in evaluation. With document context the windows lie over
whole documents, so that a sentence is seen with its neighbours (Devlin et al. 2018, section 5.3).

Shapes: R rows, S tokens, W words, T tokens of all texts, E tokens of all windows.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import progress
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.columns import DOCUMENT_START, Sentence, read_sentences
from bert_tf.tokenization.model_inputs import lay_out
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.windows import Windows, cut_windows

_WORDS_PER_CALL = 65536


class Rows(NamedTuple):
    """Rows of windows, and where in them the first token of each word is predicted.

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
    tokenizer: Tokenizer,
    *,
    max_seq_length: int,
    stride: int,
    pad: bool,
) -> Rows:
    """Rows with a window of a text each, over texts of any length, in TF ops.

    Args:
      ids: int32 [N, (tokens)].
      first_tokens: int32 [W], the first token of each word, counted over all texts.
      tokenizer: gives the layout of a row.
      max_seq_length: S at most.
      stride: tokens between the beginnings of two windows.
      pad: make every row `max_seq_length` long, not only as long as the longest.

    Raises:
      ValueError: no room for a token.
    """
    layout = tokenizer.layout
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
    """int32 [T] each: in which row, and where in it, each token has most context.

    Args:
      windows: over T tokens.
      first_begin: where a window begins in its row.
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
        `label_weights`, 1 where a word is predicted.
      word_rows, word_positions: int32 [W], where each word of all sentences is predicted.
    """

    path: str
    sentences: list[Sentence]
    arrays: dict[str, np.ndarray]
    word_rows: np.ndarray
    word_positions: np.ndarray

    def __len__(self) -> int:
        return len(self.arrays["input_ids"])


def read_tagged(
    path: str,
    *,
    word_column: int | None = None,
    tag_column: int | None = None,
    scheme: str = "auto",
    model_scheme: str = "auto",
    labels: Sequence[str] | None = None,
    repair: bool = False,
) -> tuple[list[Sentence], tuple[str, ...], str]:
    """Reads a file, checks its tags and writes them in the scheme of the model.

    Args:
      path, word_column, tag_column: see `columns.read_sentences`.
      scheme: of the file; "auto" finds out.
      model_scheme: of the labels; plain tags stay plain. "auto": what the labels say, iob2
        without labels.
      labels: those of the training data; None makes them from this file.
      repair: read a tag that cannot stand where it does as the beginning of an entity.

    Returns:
      (sentences, labels, the scheme of the labels).

    Raises:
      ValueError: what `read_sentences` raises; a scheme that does not exist; a tag that is no
        entity's where others are, not valid where it stands, or not among the labels: names the
        line.
    """
    for name in (scheme, model_scheme):
        if name not in ("auto", *tag_lib.SCHEMES):
            raise ValueError(f"tag scheme {name!r}. Known: auto, {', '.join(tag_lib.SCHEMES)}.")
    sentences = read_sentences(path, word_column=word_column, tag_column=tag_column)
    if model_scheme == "auto":
        model_scheme = tag_lib.scheme_of_labels(labels) if labels else "iob2"
    if scheme == "auto":
        scheme = tag_lib.detect_scheme([sentence.tags for sentence in sentences])
        # A model is scored on what it was trained on: plain tags, or entities in whatever scheme.
        if model_scheme == "plain":
            scheme = "plain"
        elif scheme == "plain" and labels:
            scheme = "iob2"
        logging.info("%s: the tags are %s", path, scheme)
    if (scheme == "plain") != (model_scheme == "plain") and labels:
        raise ValueError(f"{path}: {scheme} tags, but the model has {model_scheme} ones.")
    if scheme == "plain":
        model_scheme = "plain"
    else:
        sentences = _in_scheme(path, sentences, scheme, model_scheme, repair)
    labels = tuple(labels or _labels_of(path, sentences, model_scheme))
    _check_known(path, sentences, labels)
    return sentences, labels, model_scheme


def _in_scheme(
    path: str, sentences: list[Sentence], scheme: str, model_scheme: str, repair: bool
) -> list[Sentence]:
    num_faults = 0
    for sentence in sentences:
        _check_entity_tags(path, sentence)
        place = tag_lib.first_fault(sentence.tags, scheme)
        if place is not None:
            num_faults += 1
            if not repair:
                raise ValueError(_fault(path, sentence, place, scheme))
    if num_faults:
        logging.warning("%s: %d sentences with tags that are not valid", path, num_faults)
    return [s._replace(tags=tag_lib.convert(s.tags, model_scheme)) for s in sentences]


def _check_entity_tags(path: str, sentence: Sentence) -> None:
    """What is no entity's tag cannot be repaired, and must not make all tags plain ones."""
    for word, tag, line in zip(sentence.words, sentence.tags, sentence.lines, strict=True):
        if not tag_lib.is_entity_tag(tag):
            raise ValueError(
                f"{path}:{line}: the tag {tag!r} of {word!r} is neither 'O' nor B-, I-, E- or S- "
                "and a type, as tags of entities are (BILOU's L- and U- are E- and S-). Mend it, "
                "or pass --config.task.file_tag_scheme=plain if the tags spell no entities."
            )


def _fault(path: str, sentence: Sentence, place: int, scheme: str) -> str:
    before = f"behind {sentence.tags[place - 1]!r}" if place else "at the beginning of a sentence"
    mend = "Mend it, or pass --config.task.repair_tags=true to read it as the first of an entity."
    if place == len(sentence.tags):
        line, what = sentence.lines[-1], f"a sentence ends {before}"
    else:
        line, what = sentence.lines[place], f"the tag {sentence.tags[place]!r} stands {before}"
    return f"{path}:{line}: {what}, which is not valid in {scheme}. {mend}"


def _labels_of(path: str, sentences: list[Sentence], scheme: str) -> tuple[str, ...]:
    tags = {tag for sentence in sentences for tag in sentence.tags}
    if len(tags) < 2:
        raise ValueError(f"{path}: every word has the tag {tags.pop()!r}. Expected two or more.")
    if scheme == "plain":
        return tuple(sorted(tags))
    return tag_lib.all_tags({tag_lib.split_tag(tag)[1] for tag in tags} - {""}, scheme)


def _check_known(path: str, sentences: list[Sentence], labels: tuple[str, ...]) -> None:
    known = set(labels)
    for sentence in sentences:
        for tag, line in zip(sentence.tags, sentence.lines, strict=True):
            if tag not in known:
                raise ValueError(
                    f"{path}:{line}: the tag {tag!r} was not seen in training. "
                    f"The known tags are: {', '.join(labels)}."
                )


def check_documents(path: str, sentences: list[Sentence]) -> None:
    """ValueError for the sentences of a file that does not say where documents begin."""
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
    """Makes the rows. A word of which the tokenizer leaves nothing becomes the unknown token.

    Raises:
      ValueError: what `lay_out_words` raises; document context for a file that does not say where
        documents begin.
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
    # A document without a sentence is a text without tokens: no row for it.
    ids = tf.RaggedTensor.from_row_lengths(pieces.values, num_tokens_N[num_tokens_N > 0])
    first_W = (np.cumsum(lengths_W) - lengths_W).astype(np.int32)
    rows = lay_out_words(
        ids, first_W, tokenizer, max_seq_length=max_seq_length, stride=stride, pad=True
    )
    arrays = {name: tensor.numpy() for name, tensor in rows.inputs.items()}
    arrays["label_ids"] = np.zeros_like(arrays["input_ids"])
    arrays["label_weights"] = np.zeros(arrays["input_ids"].shape, np.float32)
    places = rows.word_rows.numpy(), rows.word_positions.numpy()
    id_of = {label: index for index, label in enumerate(labels)}
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
    """int32 [W, (tokens)], at least one of each."""
    parts = progress.parts(len(words), _WORDS_PER_CALL, unit="words", description="tokenizing")
    pieces = tf.concat([tokenizer.tokenize(tf.constant(words[part])) for part in parts], axis=0)
    missing = tf.cast(pieces.row_lengths() == 0, tf.int64)
    unknown = tf.fill([tf.reduce_sum(missing)], tokenizer.unk_id)
    return tf.concat([pieces, tf.RaggedTensor.from_row_lengths(unknown, missing)], axis=1)
