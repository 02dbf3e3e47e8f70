"""Questions and contexts -> rows of tokens. Each row has a question and a part of its context.

Shapes: Q questions, R rows, S tokens, E tokens of all windows.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import progress
from bert_tf.tasks.question_answering.squad_file import Question, Squad, locate_answers
from bert_tf.tokenization.model_inputs import lay_out
from bert_tf.tokenization.row_layout import RowLayout
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.windows import cut_windows

_TEXTS_PER_CALL = 256
_QUESTIONS_PER_CALL = 1024
# `answer_places`: what may be part of an answer, and where an answer may begin (see lay_out_spans).
CONTEXT, BEGIN = 1, 2


class Tokens(NamedTuple):
    """Tokens of texts, and their characters [start, end): each int32 [N, (tokens)]."""

    ids: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor


def lay_out_spans(
    questions: tf.RaggedTensor,
    contexts: Tokens,
    layout: RowLayout,
    *,
    max_seq_length: int,
    max_query_length: int,
    stride: int,
    pad: bool,
) -> dict[str, tf.Tensor]:
    """Lays out the rows of all questions, in TF ops; the rows of a question are consecutive.

    Args:
      questions: int32 [Q, (tokens)]. A question longer than `max_query_length`, or half of the row,
        loses its end.
      contexts: the context of each question.
      layout: the row layout.
      max_seq_length: the largest S.
      max_query_length: see above.
      stride: tokens between the beginnings of two windows.
      pad: pad every row to `max_seq_length`, instead of the longest row.

    Raises:
      ValueError: a row has no room for a question and its context.

    Returns:
      int32 [R, S] `input_ids`, `input_mask`, `segment_ids`; `answer_places`: 1 for tokens of the
      context, 2 for those of them that have most context in this row, where an answer can begin;
      `char_starts` and `char_ends` of the context's tokens; int32 [R] `question_rows`, the
      question of each row.
    """
    room = max_seq_length - layout.num_special_tokens(2)
    max_query_length = min(max_query_length, room // 2)
    if max_query_length < 1:
        raise ValueError(
            f"a row of {max_seq_length} tokens has no room for a question of up to "
            f"{max_query_length}, its context and {max_seq_length - room} special tokens "
            "(data.max_seq_length, task.max_query_length)."
        )
    questions = questions[:, :max_query_length]
    num_question_Q = tf.cast(questions.row_lengths(), tf.int32)
    room_Q = room - num_question_Q
    windows = cut_windows(contexts.ids.row_lengths(), room_Q, stride)
    first = tf.gather(questions, windows.texts)
    second = windows.tokens.with_values(tf.gather(contexts.ids.values, windows.tokens.values))
    kept = [tf.cast(tokens.row_lengths(), tf.int32) for tokens in (first, second)]
    width = max_seq_length if pad else None
    inputs = lay_out(first, second, tuple(kept), layout, width)

    row_E = tf.cast(windows.tokens.value_rowids(), tf.int32)
    in_window_E = tf.cast(tf.ragged.range(windows.tokens.row_lengths()).values, tf.int32)
    begin_E = layout.second_begin(tf.gather(kept[0], row_E))
    place_E2 = tf.stack([row_E, begin_E + in_window_E], axis=-1)
    flat = {
        "answer_places": tf.where(windows.is_best.values, BEGIN, CONTEXT),
        "char_starts": tf.gather(contexts.starts.values, windows.tokens.values),
        "char_ends": tf.gather(contexts.ends.values, windows.tokens.values),
    }
    shape = tf.shape(inputs["input_ids"])
    about = {name: tf.scatter_nd(place_E2, values, shape) for name, values in flat.items()}
    return {**inputs, **about, "question_rows": windows.texts}


@dataclasses.dataclass(frozen=True)
class SquadData:
    """One file, ready for the model.

    Attributes:
      path: the file.
      contexts: of all paragraphs.
      questions: the questions with rows, in the order of their rows.
      arrays: int32 [R, S] `input_ids`, `input_mask`, `segment_ids`, `answer_places`; int32 [R]
        `start_positions`, `end_positions` (0, the first token, if the row does not have the
        answer); float32 [R] `span_weights`.
      char_starts, char_ends: int32 [R, S], the characters of each token in the context.
      question_rows: int32 [R], the question of each row.
    """

    path: str
    contexts: list[str]
    questions: list[Question]
    arrays: dict[str, np.ndarray]
    char_starts: np.ndarray
    char_ends: np.ndarray
    question_rows: np.ndarray

    def __len__(self) -> int:
        return len(self.question_rows)


def encode_squad(
    squad: Squad,
    tokenizer: Tokenizer,
    *,
    max_seq_length: int,
    max_query_length: int,
    stride: int,
    training: bool,
    skip_bad: bool = False,
) -> SquadData:
    """Makes the rows of all questions.

    Args:
      squad: the file.
      tokenizer: of the model.
      max_seq_length, max_query_length, stride: see `lay_out_spans`.
      training: every answer must be in its context. Otherwise answers are used only for scores, and
        questions whose answer is not in the context are kept.
      skip_bad: skip training questions whose answer is not in the context.

    Raises:
      ValueError: as in `locate_answers` and `lay_out_spans`.
    """
    places = locate_answers(squad, skip_bad=skip_bad or not training)
    questions = [q for q in squad.questions if q.id in places or not training]
    if not questions:
        raise ValueError(f"{squad.path}: no question has its answer in its context.")
    contexts = _tokenize(squad.contexts, tokenizer)
    parts, num_long = [], 0
    for place in progress.parts(
        len(questions), _QUESTIONS_PER_CALL, unit="questions", description="cutting"
    ):
        part = questions[place]
        question_ids = tokenizer.tokenize(tf.constant([q.question for q in part]))
        num_long += int(np.count_nonzero(question_ids.row_lengths() > max_query_length))
        own = Tokens(*(tf.gather(ragged, [q.paragraph for q in part]) for ragged in contexts))
        tensors = lay_out_spans(
            question_ids,
            own,
            tokenizer.layout,
            max_seq_length=max_seq_length,
            max_query_length=max_query_length,
            stride=stride,
            pad=True,
        )
        rows = {name: tensor.numpy() for name, tensor in tensors.items()}
        rows |= _positions(rows, own, [places.get(q.id) for q in part])
        rows["question_rows"] = rows["question_rows"] + place.start
        parts.append(rows)
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    arrays["span_weights"] = np.ones(len(arrays["input_ids"]), np.float32)
    logging.info(
        "%s: %d of %d questions, %d without answer, %d cut to %d tokens; %d rows of %d tokens",
        squad.path,
        len(questions),
        len(squad.questions),
        sum(not q.answers for q in questions),
        num_long,
        max_query_length,
        len(arrays["input_ids"]),
        max_seq_length,
    )
    host = {name: arrays.pop(name) for name in ("char_starts", "char_ends", "question_rows")}
    return SquadData(squad.path, squad.contexts, questions, arrays, **host)


def _tokenize(texts: list[str], tokenizer: Tokenizer) -> Tokens:
    places = progress.parts(len(texts), _TEXTS_PER_CALL, unit="texts", description="tokenizing")
    parts = [tokenizer.tokenize_with_offsets(tf.constant(texts[place])) for place in places]
    return Tokens(*(tf.concat(list(column), axis=0) for column in zip(*parts, strict=True)))


def _positions(
    rows: dict[str, np.ndarray], contexts: Tokens, places: list[tuple[int, int] | None]
) -> dict[str, np.ndarray]:
    """First and last token of the answer in each row; 0 if the row does not have all of it."""
    span_Q2 = np.array([place or (0, 0) for place in places], np.int64).reshape(-1, 2)
    begins_Q, ends_Q = span_Q2.T
    question_T = contexts.ids.value_rowids().numpy()
    starts_T, stops_T = contexts.starts.values.numpy(), contexts.ends.values.numpy()
    in_answer_T = (stops_T > begins_Q[question_T]) & (starts_T < ends_Q[question_T])
    length_Q = np.bincount(question_T, in_answer_T, minlength=len(places))
    question_R = rows["question_rows"]
    in_answer_RS = (
        (rows["answer_places"] > 0)
        & (rows["char_ends"] > begins_Q[question_R][:, None])
        & (rows["char_starts"] < ends_Q[question_R][:, None])
    )
    length_R = in_answer_RS.sum(axis=1)
    is_whole_R = (length_R > 0) & (length_R == length_Q[question_R])
    start_R = np.where(is_whole_R, in_answer_RS.argmax(axis=1), 0).astype(np.int32)
    end_R = np.where(is_whole_R, start_R + length_R - 1, 0).astype(np.int32)
    return {"start_positions": start_R, "end_positions": end_R}
