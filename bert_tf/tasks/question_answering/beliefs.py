"""What a model for questions believes: see `bert_tf.tasks.beliefs`.

Shape suffixes: B rows, S sequence, K numbers of a place, Q questions.
"""

import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.layers.precision import at_least_float32
from bert_tf.tasks.beliefs import Belief
from bert_tf.tasks.question_answering.config import Facts
from bert_tf.tasks.question_answering.rows import Tokens, lay_out_spans
from bert_tf.tasks.task import Batch
from bert_tf.tokenization.row_layout import RowLayout

_NO_ANSWER = "no answer"
_PLACES = 1 << 15  # a span as one number: start * _PLACES + end


def token_rows(
    first: tf.RaggedTensor, second: tf.RaggedTensor, layout: RowLayout, config: ExperimentConfig
) -> tf.Tensor:
    """See `Explain.token_rows`."""
    rows = lay_out_spans(
        first,
        Tokens(second, second, second),
        layout,
        max_seq_length=config.data.max_seq_length,
        max_query_length=config.task.max_query_length,
        stride=config.task.doc_stride,
        pad=False,
    )
    return rows["input_ids"]


def believed(answers: Batch, batch: Batch, wanted: str) -> list[Belief]:
    """The answer to each question, in a row that holds the whole answer.

    Args:
      answers: the result of `QuestionAnsweringTask.decode`.
      batch: the result of `encode`.
      wanted: "", or "no answer" to explain that instead of the answers.

    Raises:
      ValueError: `wanted` is another text.
    """
    if wanted not in ("", _NO_ANSWER):
        raise ValueError(f"expected {_NO_ANSWER!r} or nothing to explain; received {wanted!r}.")
    question_B = batch["question_rows"].numpy()
    starts_BS, ends_BS = batch["char_starts"].numpy(), batch["char_ends"].numpy()
    may_begin_BS = batch["answer_places"].numpy() == 2
    found = []
    for question, text in enumerate(answers["answer"].numpy()):
        start, end = int(answers["start"][question]), int(answers["end"][question])
        of_question_B1 = (question_B == question)[:, None]
        begins_BS = of_question_B1 & may_begin_BS & (starts_BS == start)
        if wanted or start < 0 or not begins_BS.any():
            row = int(question_B.tolist().index(question))
            found.append(Belief(row, (0, 0), 0, _NO_ANSWER, None, 1))
            continue
        row, first = (int(place[0]) for place in begins_BS.nonzero())
        last = first + int((ends_BS[row, first:] == end).argmax())
        name = text.decode()
        found.append(Belief(row, (first, last), first * _PLACES + last, name, (start, end), 1))
    return found


def name_of(answer: int) -> str:
    """See `Explain.name_of`."""
    return "another span" if answer else _NO_ANSWER


def belief(
    outputs: Batch, spans: Batch, places_BK: tf.Tensor, facts: Facts
) -> tuple[tf.Tensor, tf.Tensor]:
    """See `Explain.belief`: log probability of the first and the last token of the answer."""
    total_B = 0.0
    for number, end in enumerate(("start", "end")):
        logits_BS = at_least_float32(outputs[f"{end}_logits"])
        total_B += tf.gather(tf.nn.log_softmax(logits_BS), places_BK[:, number], batch_dims=1)
    best_B = spans["span_starts"][:, 0] * _PLACES + spans["span_ends"][:, 0]
    if facts.null_answers:
        odds_B = spans["null_scores"] - spans["span_scores"][:, 0]
        best_B = tf.where(odds_B > facts.null_threshold, 0, best_B)
    return total_B, best_B
