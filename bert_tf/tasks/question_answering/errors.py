"""Judges each answer: it is right, too long, elsewhere, missing, or made up.

Shapes: Q questions.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bert_tf.analysis import judged
from bert_tf.analysis.judged import NONE, RIGHT, Candidates, Items, Judged
from bert_tf.tasks.question_answering import scores
from bert_tf.tasks.question_answering.rows import SquadData
from bert_tf.tasks.question_answering.squad_file import Question

_AROUND = 160  # characters of the context that are shown on each side of the answer
_ANSWER = "answer"
# First words of English questions; questions in other languages form one group.
_ASKING = ("what", "who", "whom", "whose", "when", "where", "which", "why", "how")


def judge(
    data: SquadData,
    final: Mapping[str, str],
    probs_Q: np.ndarray,
    best: tuple[Sequence[str], np.ndarray],
    unk_id: int,
    rule: tuple[str, bool],
) -> Judged:
    """Judges the answers to the questions.

    Args:
      data: the evaluation set.
      final: {id: the answer, "" for none}.
      probs_Q: the probability of the final answer, which can be no answer.
      best: the best span for each of Q questions, even if the final answer is none, and their
        probabilities.
      unk_id: id of the unknown token.
      rule: `answer_metric`, and whether questions may have no answer.
    """
    questions = data.questions
    answers = [final[question.id] for question in questions]
    metric, null_answers = rule
    f1 = [
        _score(q, text, metric, null_answers)[1] for q, text in zip(questions, answers, strict=True)
    ]
    has_answer = np.array([bool(question.answers) for question in questions], bool)
    hits = [
        bool(q.answers) and _score(q, text, metric, null_answers)[0] == 1.0
        for q, text in zip(questions, best[0], strict=True)
    ]
    first_row = np.searchsorted(data.question_rows, np.arange(len(questions)))
    input_ids, mask = (data.arrays[name][first_row] for name in ("input_ids", "input_mask"))
    return Judged(
        unit="questions",
        places=[question.id for question in questions],
        texts=[f"{q.question}\n{_excerpt(q, data.contexts[q.paragraph])}" for q in questions],
        metric=judged.mean("f1"),
        counts=np.stack([f1, np.ones(len(f1))], axis=1).astype(np.float64),
        items=Items(
            np.arange(len(questions)),
            [_ANSWER if question.answers else NONE for question in questions],
            [_ANSWER if text else NONE for text in answers],
            [
                scores.answer_outcome(q.answers, text, metric)
                for q, text in zip(questions, answers, strict=True)
            ],
            probs_Q.astype(np.float64),
            answers,
            [" / ".join(dict.fromkeys(question.answers)) for question in questions],
        ),
        labels=(),
        outcomes=scores.OUTCOMES if null_answers else scores.OUTCOMES[:-1],
        lengths=np.array([len(data.contexts[q.paragraph].split()) for q in questions]),
        length_unit="words of context",
        num_unknown=((input_ids == unk_id) & (mask > 0)).sum(axis=1),
        candidates={_ANSWER: Candidates(best[1], np.array(hits, bool), int(has_answer.sum()))},
        word_texts=[question.question for question in questions],
        kinds=_kinds(questions, has_answer),
        inputs=[(q.question, data.contexts[q.paragraph]) for q in questions],
    )


def _score(question: Question, text: str, metric: str, null_answers: bool) -> tuple[float, float]:
    return scores.question_scores(question.answers, text, metric=metric, null_answers=null_answers)


def _excerpt(question: Question, context: str) -> str:
    """The part of the context around the expected answer, or its beginning."""
    start = question.starts[0] if question.starts else 0
    length = len(question.answers[0]) if question.answers else 0
    begin, end = max(0, start - _AROUND), start + length + _AROUND
    return f"{'…' * (begin > 0)}{context[begin:end]}{'…' * (end < len(context))}"


def _kinds(questions: Sequence[Question], has_answer: np.ndarray) -> dict[str, list[str]]:
    found = {}
    asking = [_asking_word(question.question) for question in questions]
    if any(asking):
        found["question word"] = [word or "(other)" for word in asking]
    if not has_answer.all():
        found["answer"] = ["there is one" if one else "there is none" for one in has_answer]
    return found


def _asking_word(question: str) -> str:
    words = (word.strip("?,.¿\"'").lower() for word in question.split())
    return next((word for word in words if word in _ASKING), "")


def lines(data: SquadData, final: Mapping[str, str], metric: str) -> Iterator[str]:
    """Tab-separated id, fault, question, expected answers and answer of each wrong answer."""
    for question in data.questions:
        given = final[question.id]
        fault = scores.answer_outcome(question.answers, given, metric)
        if fault != RIGHT:
            expected = " / ".join(dict.fromkeys(question.answers))
            fields = (question.id, fault, question.question, expected, given)
            yield "\t".join(" ".join(field.split()) for field in fields)
