"""Exact match and F1 of answers: SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018) and CMRC 2018.

Equal to the official evaluations of SQuAD; all scores are between 0 and 1. The scores of CMRC
compare single ideographs and the words between them; the official script splits such words with
NLTK.
"""

import collections
import re
import string
from collections.abc import Callable, Mapping, Sequence

METRICS = ("squad", "cmrc")
# The outcomes of an answer. The first is the right answer.
OUTCOMES = (
    "right",
    "too long",
    "too short",
    "shares words",
    "elsewhere",
    "no answer given",
    "answered, but there is none",
)
_PUNCTUATION = frozenset(string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
# As in the official evaluation of CMRC 2018.
_CHINESE_MARKS = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』…")
_CHINESE_UNITS = re.compile(r"[\u4e00-\u9fa5]|[^\s\u4e00-\u9fa5]+")


def normalize_answer(text: str) -> str:
    """Lower case, without punctuation, articles, and extra white space."""
    text = "".join(character for character in text.lower() if character not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def exact_match(answer: str, prediction: str) -> float:
    """1.0 if both are equal after normalisation."""
    return float(normalize_answer(answer) == normalize_answer(prediction))


def word_f1(answer: str, prediction: str) -> float:
    """F1 of the common words; 0 without common words."""
    answer_words = normalize_answer(answer).split()
    words = normalize_answer(prediction).split()
    common = collections.Counter(answer_words) & collections.Counter(words)
    return _f1(common.total(), len(answer_words), len(words))


def _f1(num_same: int, num_answer: int, num_predicted: int) -> float:
    if not num_same:
        return 0.0
    precision, recall = num_same / num_predicted, num_same / num_answer
    return 2 * precision * recall / (precision + recall)


def word_f1_or_null(answer: str, prediction: str) -> float:
    """`word_f1` of SQuAD 2.0: two texts that are empty after normalisation are equal."""
    if not normalize_answer(answer) or not normalize_answer(prediction):
        return exact_match(answer, prediction)
    return word_f1(answer, prediction)


def chinese_exact_match(answer: str, prediction: str) -> float:
    """1.0 if both are equal in lower case and without punctuation."""
    return float(_without_marks(answer) == _without_marks(prediction))


def chinese_f1(answer: str, prediction: str) -> float:
    """F1 of the longest common sequence of ideographs and words."""
    units = [_CHINESE_UNITS.findall(_without_marks(text)) for text in (answer, prediction)]
    longest, before = 0, [0] * (len(units[1]) + 1)
    for unit in units[0]:
        row = [0] * len(before)
        for place, other in enumerate(units[1], 1):
            if unit == other:
                row[place] = before[place - 1] + 1
        longest, before = max(longest, *row), row
    return _f1(longest, *map(len, units))


def _without_marks(text: str) -> str:
    return "".join(c for c in text.lower().strip() if c not in _CHINESE_MARKS)


_PAIRS: dict[tuple[str, bool], tuple[Callable, Callable]] = {
    ("squad", False): (exact_match, word_f1),
    ("squad", True): (exact_match, word_f1_or_null),
    ("cmrc", False): (chinese_exact_match, chinese_f1),
    ("cmrc", True): (chinese_exact_match, chinese_f1),
}


def answer_scores(
    answers: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    *,
    metric: str = "squad",
    null_answers: bool = False,
    null_odds: Mapping[str, float] | None = None,
    null_threshold: float = 0.0,
) -> dict[str, float]:
    """`exact_match` and `f1`, and with null answers the other scores of SQuAD 2.0.

    Args:
      answers: {id: all right answers}; empty if there is no answer.
      predictions: {id: the best answer that is not null}.
      metric: one of METRICS.
      null_answers: score as SQuAD 2.0 does.
      null_odds: with null answers, {id: how much better no answer is}.
      null_threshold: odds above it mean no answer.

    Returns:
      `exact_match`, `f1`. With null answers these are the scores at the threshold, and there are
      also `has_answer_f1`, `no_answer_accuracy`, `best_exact_match`, `best_f1` and their
      thresholds, `best_exact_match_threshold`, `best_f1_threshold`.
    """
    exact, f1 = {}, {}
    for name, texts in answers.items():
        exact[name], f1[name] = question_scores(
            texts, predictions[name], metric=metric, null_answers=null_answers
        )
    if not null_answers:
        return {"exact_match": _mean(exact.values()), "f1": _mean(f1.values())}
    has_answer = {name: bool(texts) for name, texts in answers.items()}

    def at_threshold(scores: dict[str, float]) -> dict[str, float]:
        return {
            name: float(not has_answer[name]) if null_odds[name] > null_threshold else score
            for name, score in scores.items()
        }

    final_exact, final_f1 = at_threshold(exact), at_threshold(f1)
    result = {
        "exact_match": _mean(final_exact.values()),
        "f1": _mean(final_f1.values()),
        "has_answer_f1": _mean(score for n, score in final_f1.items() if has_answer[n]),
        "no_answer_accuracy": _mean(s for n, s in final_exact.items() if not has_answer[n]),
    }
    for label, scores in (("best_exact_match", exact), ("best_f1", f1)):
        best, threshold = _best_threshold(scores, predictions, null_odds, has_answer)
        result |= {label: best, f"{label}_threshold": threshold}
    return result


def question_scores(
    answers: Sequence[str], prediction: str, *, metric: str = "squad", null_answers: bool = False
) -> tuple[float, float]:
    """(exact match, F1) of one question, with the right answer nearest to the prediction."""
    compare_exact, compare_f1 = _PAIRS[metric, null_answers]
    if null_answers:
        answers = [text for text in answers if normalize_answer(text)] or [""]
    exact = max((compare_exact(text, prediction) for text in answers), default=0.0)
    return exact, max((compare_f1(text, prediction) for text in answers), default=0.0)


def _mean(values) -> float:
    values = list(values)
    return sum(values) / max(len(values), 1)


def _best_threshold(
    scores: dict[str, float],
    predictions: Mapping[str, str],
    null_odds: Mapping[str, float],
    has_answer: dict[str, bool],
) -> tuple[float, float]:
    """(the best score, its threshold): adds one answer at a time, in the order of their odds."""
    current = best = float(sum(not has for has in has_answer.values()))
    names = sorted(scores, key=null_odds.__getitem__)
    threshold = min(null_odds[names[0]] - 1.0, 0.0) if names else 0.0  # no answer at all
    for place, name in enumerate(names):
        current += scores[name] if has_answer[name] else -float(bool(predictions[name]))
        is_last = place + 1 == len(names) or null_odds[names[place + 1]] > null_odds[name]
        if is_last and current > best:
            best, threshold = current, null_odds[name]
    return best / max(len(scores), 1), threshold


def answer_outcome(answers: Sequence[str], prediction: str, metric: str = "squad") -> str:
    """The outcome of a prediction, one of OUTCOMES.

    Args:
      answers: all right answers; empty if there is no answer.
      prediction: "" for no answer.
      metric: one of METRICS, for the comparison.

    Returns:
      "too long" if the prediction contains an answer, "too short" if an answer contains it, "shares
      words" if they have a common word, "elsewhere" otherwise.
    """
    compare_exact, compare_f1 = _PAIRS[metric, True]
    normalize = _without_marks if metric == "cmrc" else normalize_answer
    if not answers:
        return "answered, but there is none" if prediction else "right"
    if not prediction:
        return "no answer given"
    if any(compare_exact(answer, prediction) for answer in answers):
        return "right"
    said, texts = normalize(prediction), [normalize(answer) for answer in answers]
    if any(text and text in said for text in texts):
        return "too long"
    if said and any(said in text for text in texts):
        return "too short"
    shares = any(compare_f1(answer, prediction) for answer in answers)
    return "shares words" if shares else "elsewhere"
