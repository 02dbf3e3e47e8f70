"""The page of explained answers: words coloured by their part in them.

It is made from the records that also stand in the JSON lines, so both say the same.
"""

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import markupsafe

from bert_tf import files
from bert_tf.explanation import METHODS
from bert_tf.explanation.faithfulness import SCORES
from bert_tf.report import page

TITLES = {
    "integrated_gradients": "integrated gradients",
    "gradient_x_input": "gradient × input",
    "occlusion": "occlusion",
    "shapley": "Shapley values",
    "rollout": "attention rollout",
}
MOST_ANSWERS = 300  # on a page, which must stay small
_MOST_NAMES = 100  # of answers to choose from


def write(
    path: str,
    title: str,
    records: Sequence[Mapping[str, Any]],
    methods: Sequence[str],
    about: Mapping[str, Any],
) -> None:
    """Writes the page whole or not at all.

    Args:
      path: the HTML file.
      title: of the page.
      records: of `explainer.records`, perhaps with `nearest`.
      methods: of them; the first colours the page.
      about: see `render`.
    """
    files.write_lines(path, [render(title, records, methods, about)])


def render(
    title: str,
    records: Sequence[Mapping[str, Any]],
    methods: Sequence[str],
    about: Mapping[str, Any],
) -> str:
    """The page as text.

    Args:
      title, records, methods: see `write`.
      about: `tiles` {name: text}, `faithfulness` or {} and `by_answer` of the summary of a file
        (`workflows.explaining.Run.summary`), `num_answers` of the file, `largest_gap` beyond which
        a case is marked.
    """
    pieces = template("pieces.html.jinja")
    answers = [(record, answer) for record in records for answer in record["answers"]][
        :MOST_ANSWERS
    ]
    shown = [
        _case(number, record, answer, methods, about["largest_gap"])
        for number, (record, answer) in enumerate(answers, start=1)
    ]
    names = sorted({case["answer"] for case in shown})
    spans = any("span" in answer for _, answer in answers)
    body = [pieces.controls(methods, names[:_MOST_NAMES], TITLES, spans), '<div id="cases">']
    body += [pieces.case(case, methods, TITLES) for case in shown]
    body += ["</div>", pieces.script(markupsafe.Markup(read("explanation.js")))]
    sections = [
        ("", page.tiles(about["tiles"]) + _left_out(len(shown), about["num_answers"])),
        ("Answers", "\n".join(map(str, body))),
        ("Can the colours be believed?", _faithfulness(about)),
        ("What the methods are", _methods(methods)),
    ]
    return page.render(title, sections, read("explanation.css"))


def _left_out(shown: int, total: int) -> str:
    if shown == total:
        return ""
    return page.paragraph(
        f"Of {total} answers the first {shown} are shown. All of them are in the JSON lines."
    )


def _methods(methods: Sequence[str]) -> str:
    return str(
        template("pieces.html.jinja").meanings(
            [(TITLES[method], METHODS[method]) for method in methods]
        )
    )


def _faithfulness(about: Mapping[str, Any]) -> str:
    scores, by_answer = about["faithfulness"], about.get("by_answer", ())
    if not scores:
        return page.paragraph("Not measured.")
    parts = [
        page.paragraph(
            "Comprehensiveness: how much less the model believes its answer when the words with "
            "the largest parts are taken away. More is better. Sufficiency: how much less it "
            "believes it with those words alone. Less is better. Contrast: how much more it "
            "believes it without the words with the smallest parts than without those with the "
            "largest, in log odds. More is better, and a random order has 0. All are means over "
            "1, 5, 10, 20 and 50 % of the words and over all answers of the file. A method that is "
            "no better than a random order of the words explains nothing."
        ),
        _scores(scores),
    ]
    stay = sum(round(one["without_words"] * one["answers"]) for one in by_answer)
    if stay:
        parts.append(
            page.paragraph(
                f"The model gives {stay:,} of these answers without any word too: it is what it "
                "answers by default. No word can be taken away from such an answer, so its "
                "comprehensiveness says little. Look at the contrast, and at the words that speak "
                "against the answer."
            )
        )
    for one in by_answer if len(by_answer) > 1 else ():
        parts.append(
            page.paragraph(
                f"Answer {one['answer']}: {one['answers']:,}, of which "
                f"{100 * one['without_words']:.0f} % are given without any word too."
            )
        )
        parts.append(_scores(one["faithfulness"]))
    return "".join(parts)


def _scores(scores: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        (TITLES.get(name, "random order"), *(one[score] for score in SCORES))
        for name, one in scores.items()
    ]
    return page.table(("order of the words", *SCORES), rows)


def _case(
    number: int,
    record: Mapping[str, Any],
    answer: Mapping[str, Any],
    methods: Sequence[str],
    largest_gap: float,
) -> dict[str, Any]:
    """What the template shows of one answer."""
    words = answer["words"]
    largest = {
        method: max((abs(word["parts"][method]) for word in words), default=0.0) or 1.0
        for method in methods
    }
    texts = [record[name] for name in ("text", "text_pair") if name in record]
    probability, belief = answer.get("probability"), answer.get("belief")
    gap = answer["methods"].get("integrated_gradients", {}).get("gap", 0.0)
    flip, swapped = answer["flip"], answer.get("substitution")
    return {
        "number": number,
        "answer": answer["answer"],
        "sure": f"{probability if probability is not None else belief or 0.0:.6g}",
        "probability": probability,
        "percent": None if probability is None else f"{100 * probability:.1f}",
        "belief": None if belief is None else f"{belief:.2f}",
        "unit": answer["unit"],
        "warning": f"completeness gap {100 * gap:.1f} %" if gap > largest_gap else "",
        "texts": [
            _text(
                text,
                [word for word in words if word["in"] == place],
                largest,
                methods,
                answer,
                place,
            )
            for place, text in enumerate(texts)
        ],
        "substitution": swapped
        if swapped is None
        else {
            **swapped,
            "words": [
                (words[number]["text"], by)
                for number, by in zip(swapped["words"], swapped["by"], strict=True)
            ],
        },
        "flip": flip
        if flip is None
        else {**flip, "words": [words[w]["text"] for w in flip["words"]]},
        "nearest": record.get("nearest", ()),
        "words": [
            {"text": word["text"], "parts": [f"{word['parts'][m]:.3f}" for m in methods]}
            for word in words
        ],
    }


def _text(text, words, largest, methods, answer, place) -> list[dict[str, Any]]:
    """The text in pieces: words, and what stands between them."""
    pieces, end = [], 0
    span = answer.get("span") if answer.get("span_in", 0) == place else None
    for word in words:
        start = max(word["start"], end)
        if start > end:
            pieces.append({"text": text[end:start], "parts": None})
        end = max(word["end"], start)
        shares = [f"{word['parts'][m] / largest[m]:.2f}" for m in methods]
        numbers = "\n".join(f"{TITLES[m]}: {word['parts'][m]:.3f}" for m in methods)
        is_about = span and word["start"] < span[1] and word["end"] > span[0]
        pieces.append(
            {
                "text": text[start:end],
                "parts": " ".join(shares),
                "shown": float(shares[0]),
                "title": numbers,
                "about": bool(is_about),
            }
        )
    return [*pieces, {"text": text[end:], "parts": None}]


def read(name: str) -> str:
    """A file of this folder that goes into pages as it is."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.read()


@functools.cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(os.path.dirname(__file__))
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)


def template(name: str) -> Any:
    """The macros of a template of this folder."""
    return _environment().get_template(name).module
