"""The error analysis of a scored set as parts of a page. It shows what `report.json` holds.

The numbers are those of `bert_tf.analysis.errors.analyse` and `comparison.compare`; nothing is
computed here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bert_tf.report import page
from bert_tf.report.page import Cell, number

_MOST_CHARTS = 4  # of thresholds
_LEAST_PAIRS = 8  # labels, for a list of what is confused

Section = tuple[str, str]  # heading, HTML
Entry = Mapping[str, Any]


def every(content: Entry) -> Iterator[Section]:
    """The whole content of a `report.json`: its sets, two runs, labels of the training set."""
    for name, found in content["sets"].items():
        yield from sections(found, name)
    for name, found in content["comparisons"].items():
        yield comparison(found, name)
    if content["training"]:
        yield suspects(content["training"])


def sections(found: Entry, name: str) -> Iterator[Section]:
    """Everything that is known of a scored set.

    Args:
      found: the result of `analyse`.
      name: of the set.
    """
    yield f"{name}: what is right and wrong", _summary(found, name)
    if found["labels"]:
        yield f"{name}: labels", _labels(found, name)
    if found["confusion"]:
        yield f"{name}: what was taken for what", _confusion(found["confusion"], name)
    if found["numbers"]:
        yield f"{name}: numbers", _numbers(found["numbers"])
    if found["mistakes"]:
        yield f"{name}: mistakes", _mistakes(found, name)
    if found["hits"]:
        text = "Right, but only just: the answers of the lowest probability."
        yield (
            f"{name}: least certain hits",
            page.paragraph(text)
            + _listing(found["hits"], f"Least certain hits of {name}", _id(name, "hits")),
        )
    yield f"{name}: slices", _slices(found, name)
    if found["reliability"]:
        yield f"{name}: reliability", _reliability(found["reliability"])
    if any(one["points"] for one in found["thresholds"]):
        yield f"{name}: thresholds", _thresholds(found["thresholds"], name)


def _id(name: str, what: str) -> str:
    """An `id` that is made of letters and digits."""
    return f"{what}-" + "".join(c if c.isalnum() and c.isascii() else f"_{ord(c)}" for c in name)


def _summary(found: Entry, name: str) -> str:
    tiles = {
        found["metric"].replace("_", " "): f"{found['score']:.4f}",
        found["unit"]: f"{found['rows']:,}",
        f"{found['unit']} with a mistake": f"{found['wrong_rows']:,}",
    }
    if found["reliability"]:
        tiles["calibration error"] = f"{found['reliability']['error']:.4f}"
    rows = [
        [Cell(one["outcome"]), number(one["count"]), number(one["share"])]
        for one in found["outcomes"]
    ]
    html = page.tiles(tiles)
    html += page.sortable(
        f"What became of the answers to {name}",
        ["outcome", "how often", "share"],
        rows,
        _id(name, "outcomes"),
    )
    if not found["by_label"]:
        return html
    outcomes = [one["outcome"] for one in found["outcomes"]]
    rows = [
        [Cell(one["label"]), *(number(one["counts"][outcome]) for outcome in outcomes)]
        for one in found["by_label"]
    ]
    caption = "The same by label: that which was expected, or else that which was given"
    return html + page.sortable(caption, ["label", *outcomes], rows, _id(name, "by_label"))


def _labels(found: Entry, name: str) -> str:
    keys = ("precision", "recall", "f1", "support", "answered")

    def cells(entries: Iterable[Entry]) -> list[list[Cell]]:
        return [[Cell(one["label"]), *(number(one[key]) for key in keys)] for one in entries]

    head = ["label", "precision", "recall", "F1", "support", "answered"]
    text = "Support is how often a label was expected, answered is how often it was given."
    return page.paragraph(text) + page.sortable(
        f"Labels of {name}",
        head,
        cells(found["labels"]),
        _id(name, "labels"),
        foot=cells(found["averages"]),
    )


def _confusion(found: Entry, name: str) -> str:
    """A matrix of few labels; of many, what was confused most."""
    has_matrix = found["counts"] is not None
    html = page.paragraph(
        f"Counted are {found['what']}{'; a row is what was expected' * has_matrix}."
    )
    if has_matrix:
        html += page.matrix(found["labels"], found["counts"])
    if has_matrix and len(found["labels"]) < _LEAST_PAIRS:
        return html
    rows = [
        [Cell(one["expected"]), Cell(one["given"]), number(one["count"])] for one in found["pairs"]
    ]
    head = ["expected", "given", "how often"]
    return html + page.sortable(f"What is confused in {name}", head, rows, _id(name, "confused"))


def _numbers(found: Entry) -> str:
    tiles = {
        "mean absolute error": f"{found['mean_absolute_error']:.4f}",
        "root mean squared error": f"{found['root_mean_squared_error']:.4f}",
        "mean error; above 0: answers are too large": f"{found['mean_error']:+.4f}",
    }
    rows = [[f"{share:.0%} of the answers", distance] for distance, share in found["within"]]
    return (
        page.tiles(tiles)
        + page.scatter(found["points"], found["bins"])
        + page.table(["", "are off by no more than"], rows)
    )


def _mistakes(found: Entry, name: str) -> str:
    by = "furthest off" if found["numbers"] else "most confident"
    count = sum(one["count"] for one in found["outcomes"][1:])
    shown = len(found["mistakes"])
    said = f"All {count:,}" if shown == count else f"{shown:,} of {count:,}"
    text = f"{said}, the {by} first."
    if not found["numbers"]:
        text += " Confidence is the probability of what the model did."
    coloured = [one for one in found["mistakes"] if one.get("parts")]
    if coloured:
        text += (
            f" In {len(coloured)} of them, blue words {_colours(found)} (integrated gradients in a "
            "few steps; explain.py says more)."
        )
    caption = f"Mistakes of {name}, the {by} first"
    return page.paragraph(text) + _listing(found["mistakes"], caption, _id(name, "mistakes"))


def _colours(found: Entry) -> str:
    if found["numbers"]:
        return "made the number larger, orange ones smaller"
    return "spoke for the wrong answer, orange ones against it"


def _listing(entries: Sequence[Entry], caption: str, identity: str) -> str:
    """Items with their texts, to sort and filter; columns that say nothing are left out."""
    columns = ["confidence", "outcome", "expected", "given", "text", "where"]
    if all(one["confidence"] is None for one in entries):
        columns.remove("confidence")
    if len({one["outcome"] for one in entries}) < 2:
        columns.remove("outcome")
    rows = [[_cell(one, column) for column in columns] for one in entries]
    is_labels = any(one["has_label"] for one in entries)
    named = ("outcome", "expected", "given") if is_labels else ("outcome",)
    choices = [columns.index(c) for c in named if c in columns]
    choices = [c for c in choices if len({row[c].choice for row in rows}) < 100]
    return page.listing(caption, columns, rows, identity, choices)


def _cell(one: Entry, column: str) -> Cell:
    if column == "confidence":
        return number(one["confidence"])
    if column == "text" and one.get("parts"):
        about = (one["words"], one["right_words"])
        return Cell(page.coloured(one["text"], one["parts"], *about), "text")
    if column == "text":
        return Cell(page.marked(one["text"], one["words"], one["right_words"]), "text")
    if column == "where":
        return Cell(one["place"], "n" if isinstance(one["place"], int) else "id")
    if column == "outcome":
        return Cell(one["outcome"], "word", choice=one["outcome"])
    label = one[column]
    words = one["words"] if column == "given" else one["right_words"]
    if not label:
        return Cell("nothing", "word", choice="nothing")
    shown = f"{words} ({label})" if words and one["has_label"] else words or label
    return Cell(shown, "word", choice=label)


def _slices(found: Entry, name: str) -> str:
    metric = found["metric"].replace("_", " ")
    rows = [
        [
            Cell(one["by"]),
            Cell(one["slice"]),
            number(one["rows"]),
            number(one["score"]),
            Cell(f"{one['low']:.3f} to {one['high']:.3f}", "n", one["low"]),
        ]
        for one in found["slices"]
    ]
    html = page.paragraph(
        f"The {metric} of parts of {name}. The last column holds the true value in 95 of 100 "
        "cases (bootstrap over rows)."
    )
    head = ["cut by", "slice", found["unit"], metric, "95 %"]
    html += page.sortable(f"Slices of {name}", head, rows, _id(name, "slices"))
    if not found["hard_words"]:
        return html
    rows = [
        [Cell(one["word"]), *(number(one[key]) for key in ("rows", "score", "others"))]
        + [number(one["z"], 1)]
        for one in found["hard_words"]
    ]
    html += page.paragraph(
        "Words whose rows are much worse than the others. They were looked for among all words, so "
        "some of them are chance: look at the rows before you believe it."
    )
    head = ["word", found["unit"], metric, "of the others", "standard errors"]
    return html + page.sortable(f"Hard words of {name}", head, rows, _id(name, "words"))


def _reliability(found: Entry) -> str:
    tiles = {
        "expected calibration error": f"{found['error']:.4f}",
        "mean confidence": f"{found['mean_confidence']:.4f}",
        "accuracy of the answers": f"{found['accuracy']:.4f}",
    }
    gap = found["mean_confidence"] - found["accuracy"]
    said = (
        "On average the model is more certain than it is right."
        if gap > 0.01
        else "On average the model is more often right than it is certain."
        if gap < -0.01
        else "On average the model is as certain as it is right."
    )
    return page.tiles(tiles) + page.paragraph(said) + page.reliability(found["bins"])


def _thresholds(found: Sequence[Entry], name: str) -> str:
    used = [one for one in found if one["points"]]
    keys = ("threshold", "f1", "precision", "recall")
    rows = [[Cell(one["label"]), *(number(one["best"][key]) for key in keys)] for one in used]
    text = (
        f"What precision and recall would be on {name} if only answers were given whose "
        "probability reaches a threshold, and which threshold has the best F1 here. decide.py sets "
        "thresholds."
    )
    html = page.paragraph(text)
    html += page.threshold_curves({one["label"]: one["points"] for one in used[:_MOST_CHARTS]})
    if len(used) > _MOST_CHARTS:
        html += page.paragraph(f"Drawn are the {_MOST_CHARTS} that occur most.")
    head = ["answered", "best threshold", "F1", "precision", "recall"]
    return html + page.sortable(f"Best thresholds on {name}", head, rows, _id(name, "thresholds"))


def comparison(found: Entry, name: str) -> Section:
    """Two runs side by side, from what `comparison.compare` gives."""
    metric = found["metric"].replace("_", " ")
    tiles = {
        "both right": f"{found['both_right']:,}",
        "only this run": f"{found['only_this']:,}",
        "only the other": f"{found['only_other']:,}",
        "neither": f"{found['neither']:,}",
    }
    rows = [
        [
            Cell(one["by"]),
            Cell(one["slice"]),
            number(one["rows"]),
            number(one["this"]),
            number(one["other"]),
            Cell(f"{one['difference']:+.4f}", "n", one["difference"]),
            Cell(f"{one['low']:+.3f} to {one['high']:+.3f}", "n", one["low"]),
            number(one["p_value"], 3),
        ]
        for one in found["table"]
    ]
    better = "below 0" if found["lower_is_better"] else "above 0"
    html = page.paragraph(f"The other run is {found['other']}. {_verdict(found)}")
    html += page.tiles(tiles)
    html += page.paragraph(
        f"Differences {better} speak for this run. p is that of the paired bootstrap test: how "
        "likely so large a difference would be by chance. Of many slices some are small by chance."
    )
    head = ["cut by", "slice", "rows", f"{metric}, this", "other", "difference", "95 %", "p"]
    html += page.sortable(f"This run and the other on {name}", head, rows, _id(name, "compared"))
    for key, said in (("won", "Only this run has right"), ("lost", "Only the other has right")):
        if found[key]:
            html += page.folded(f"{said}: {len(found[key])} shown", _rows(found[key], name, key))
    return f"{name}: against {found['other']}", html


def _verdict(found: Entry) -> str:
    """The result of the test on the whole set, in words."""
    whole = found["table"][0]
    if whole["p_value"] > 0.05:
        return "On the whole set the two cannot be told apart (p above 0.05)."
    is_better = (whole["difference"] > 0) != found["lower_is_better"]
    return f"On the whole set {'this run' if is_better else 'the other run'} is better."


def _rows(entries: Sequence[Entry], name: str, key: str) -> str:
    rows = [
        [*(Cell(one[k] or "nothing") for k in ("expected", "this", "other"))]
        + [Cell(one["text"], "text"), Cell(one["place"], "n")]
        for one in entries
    ]
    head = ["expected", "this run", "other run", "text", "where"]
    caption = f"Rows of {name} that one run alone has right"
    return page.listing(caption, head, rows, _id(name, key))


def suspects(found: Entry) -> Section:
    """Likely wrong labels of the training set, from what `suspects.find` gives."""
    many, contradicted = f"{found['rows']:,} {found['unit']}", f"{found['contradicted']:,}"
    if found["folds"]:
        text = (
            f"{found['folds']} models answered the {many} of the training set, each those that it "
            f"was not trained on. They contradict the labels of {contradicted}."
        )
    else:
        text = (
            f"The trained model answered the {many} that it was trained on. It contradicts the "
            f"labels of {contradicted}, although it has seen them."
        )
    text += " The surest stand first. Look at them: not every one is wrong."
    if not found["suspects"]:
        return "Labels of the training set", page.paragraph(text)
    html = page.paragraph(text)
    html += _listing(found["suspects"], "Likely wrong labels of the training set", "suspects")
    return "Likely wrong labels of the training set", html
