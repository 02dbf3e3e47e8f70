"""The report of a data set as one self-contained HTML page, without scripts.

All text from the data is escaped.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from bert_tf.report import charts, page

_BINS = 64
_COUNTS = {
    "documents": "documents with text",
    "documents_skipped": "documents without text, skipped",
    "sentences": "sentences with tokens",
    "sentences_skipped": "sentences without tokens, skipped",
    "sentences_left_out": "sentences of a single token, left out",
    "tokens": "tokens of the text",
    "tokens_unknown": "unknown tokens of the text",
    "examples": "examples",
    "examples_truncated": "examples that were cut, because they were too long",
    "tokens_truncated": "tokens cut away from examples",
    "examples_random_next": "examples with a second text from another document",
    "examples_swapped": "examples with their two texts swapped",
    "row_tokens": "tokens in rows, special ones included",
    "bad_records": "lines or records that could not be read, skipped",
    "bad_files": "files that could not be read (further), skipped",
}

_STYLE = """
:root { --masked: #cfe3fa; --kept: #d5efdb; --replaced: #fbe0c4; --second: #f6f0fb; }
@media (prefers-color-scheme: dark) { :root { --masked: #21446b; --kept: #20492e;
  --replaced: #5c3a17; --second: #2a2235; } }
.checks { list-style: none; padding: 0; margin: .4rem 0; }
.checks li { padding: .25rem 0 .25rem 5.2rem; text-indent: -5.2rem; }
.checks b { display: inline-block; width: 5.2rem; text-indent: 0; }
.good { color: var(--good); } .look { color: var(--look); }
.side { display: flex; flex-wrap: wrap; gap: 1rem 2.4rem; align-items: flex-start; }
.example { border-left: 3px solid var(--line); margin: 1.1rem 0; padding: .1rem 0 .1rem 1rem; }
.text { line-height: 2.8; overflow-wrap: anywhere; } .second { background: var(--second); }
.mark { color: var(--soft); font-size: .8em; } ruby { border-radius: .25rem; padding: 0 .2rem;
  white-space: nowrap; ruby-align: center; }
rt { font-size: .78em; padding-bottom: .25em; } .masked { background: var(--masked); }
.kept { background: var(--kept); } .replaced { background: var(--replaced); }
.settings .n { text-align: left; overflow-wrap: anywhere; }
"""


def render(report: dict[str, Any]) -> str:
    """The page of a report (see `report.measure`)."""
    data = report["data"]
    title = (
        f"Pretraining data: {data['objective'].replace('_', ' ')}, {data['max_seq_length']} tokens"
    )
    sections = (
        ("", _tiles(report)),
        ("Checks", _checks(report["checks"])),
        ("Lengths", _lengths(report)),
        ("Masks", _masks(report["masks"])),
        ("Pairs", _pairs(report["pairs"]) if report["pairs"] else ""),
        ("Unknown words", _unknown(report["unknown"])),
        ("Vocabulary", _vocabulary(report["vocabulary"])),
        ("Counts", _counts(report["counts"])),
        ("Examples", _examples(report)),
        ("Settings", page.folded("all settings", _settings(data))),
    )
    return page.render(title, (section for section in sections if section[1]), _STYLE)


def _tiles(report: dict[str, Any]) -> str:
    size, counts = report["size"], report["counts"]
    duplicates = [value for name, value in counts.items() if "duplicate" in name]
    tiles = {
        "examples": _number(size["examples"]),
        "rows": _number(size["rows"]),
        "documents": _number(counts.get("documents")),
        "tokens in rows": _number(size["tokens"]),
        "tokens of the text": _number(counts.get("tokens")),
        "padding": f"{size['padding_share']:.1%}",
        "unknown tokens": f"{report['unknown']['share']:.3%}",
        "vocabulary used": f"{report['vocabulary']['used_share']:.1%}",
        "duplicates removed": _number(sum(duplicates)) if duplicates else "–",
    }
    return page.tiles({name: value for name, value in tiles.items() if value})


def _checks(checks: Sequence[dict[str, Any]]) -> str:
    items = (
        f'<li><b class="{"good" if check["ok"] else "look"}">'
        f"{'✓ fine' if check['ok'] else '! look'}</b>{escape(check['text'])}</li>"
        for check in checks
    )
    return f'<ul class="checks">{"".join(items)}</ul>'


def _lengths(report: dict[str, Any]) -> str:
    lengths, size = report["lengths"], report["size"]
    text = (
        f"<p>{size['tokens'] / size['rows']:.1f} tokens a row on average; "
        f"{size['padding']:,} of {size['tokens'] + size['padding']:,} places are padding. "
        f"{_quantiles(lengths['examples'])}</p>"
    )
    figures = _histogram(lengths["rows"], "rows", "tokens of a row")
    if report["data"]["max_examples_per_row"] > 1:
        figures += _histogram(lengths["examples"], "examples", "tokens of an example")
    return text + figures


def _quantiles(counts: Sequence[int]) -> str:
    """Quantiles of the lengths, which a histogram hides if most examples are full."""
    total, shares, seen = sum(counts), [0.01, 0.1, 0.25, 0.5], 0
    longest = max((length for length, count in enumerate(counts) if count), default=0)
    found = []
    for length, count in enumerate(counts[:longest]):
        seen += count
        while shares and seen >= shares[0] * total:
            found.append(f"{shares.pop(0):.0%} have {length} or fewer")
    found.append(f"{(total - seen) / max(total, 1):.0%} have {longest}, the most")
    return f"Tokens of the examples: {', '.join(found)}."


def _histogram(counts: Sequence[int], what: str, caption: str) -> str:
    """Counts of the lengths 0, 1, ... as bars, a few lengths in each."""
    per_bin = -(-(len(counts) - 1) // _BINS)
    firsts = range(1, len(counts), per_bin)
    sums = [sum(counts[first : first + per_bin]) for first in firsts]
    edges = [*firsts, len(counts)]
    return f"<figure>{charts.bars(edges, sums, caption, what)}</figure>"


def _masks(masks: dict[str, Any]) -> str:
    settings = masks["settings"]
    words = "whole words" if settings["whole_word"] else "single tokens"
    if settings["max_ngram"] > 1:
        words = f"n-grams of up to {settings['max_ngram']} words"
    text = (
        f"<p>Measured on {masks['rows']:,} rows, spread evenly, with the masks of the first epoch: "
        f"{words}, masked_lm_prob {settings['masked_lm_prob']}, at most "
        f"{settings['max_predictions_per_seq']} in a row, seed {settings['seed']}. "
        "The number of predictions is rounded for each example.</p>"
    )
    rows = [
        (
            "predicted tokens",
            masks["predictions"],
            masks["predicted_share"],
            settings["masked_lm_prob"],
        ),
        ("predictions that became the mask token", masks["masked"], masks["masked_share"], 0.8),
        ("predictions that kept their token", masks["kept"], masks["kept_share"], 0.1),
        ("predictions that became a random token", masks["replaced"], masks["replaced_share"], 0.1),
        ("predictions without a slot", masks["left_out"], masks["left_out_share"], 0.0),
    ]
    return text + page.table(
        ("", "tokens", "share", "expected"),
        (
            (name, f"{count:,}", f"{share:.3%}", f"{wanted:.0%}")
            for name, count, share, wanted in rows
        ),
    )


def _pairs(pairs: dict[str, Any]) -> str:
    total = max(sum(label["examples"] for label in pairs["labels"]), 1)
    rows = (
        (label["meaning"], f"{label['examples']:,}", f"{label['examples'] / total:.2%}")
        for label in pairs["labels"]
    )
    return page.table(("second text", "examples", "share"), rows)


def _unknown(unknown: dict[str, Any]) -> str:
    text = f"<p>{unknown['tokens']:,} tokens of the rows are unknown ({unknown['share']:.4%}).</p>"
    words = unknown["words"]
    if words is None:
        return text + (
            '<p class="soft">The words are not known: an older version made this data set and did '
            "not count them.</p>"
        )
    if not words["words"]:
        return text
    different = words["different"]
    if different is None:
        text += (
            '<p class="soft">There are too many different words to count all of them; each count '
            f"is too low by at most {words['error']:,}.</p>"
        )
    else:
        text += (
            f"<p>The text has {words['total']:,} unknown words, {different:,} of them different."
            " The most frequent:</p>"
        )
    half = -(-len(words["words"][:40]) // 2)
    columns = (words["words"][:half], words["words"][half:40])
    tables = "".join(
        page.table(("word", "times"), ((word, f"{count:,}") for word, count in column))
        for column in columns
        if column
    )
    return f'{text}<div class="side">{tables}</div>'


def _vocabulary(vocabulary: dict[str, Any]) -> str:
    covered = page.table(
        ("most frequent tokens", "share of the text"),
        ((f"{row['tokens']:,}", f"{row['share']:.1%}") for row in vocabulary["covered"]),
    )
    used = page.table(
        ("vocabulary", "tokens", "share"),
        (
            (name, f"{vocabulary[key]:,}", f"{vocabulary[key] / vocabulary['size']:.1%}")
            for name, key in (
                ("all", "size"),
                ("occur", "used"),
                ("occur 10 times or more", "used_10_times"),
                ("occur 100 times or more", "used_100_times"),
            )
        ),
    )
    commonest = page.table(
        ("token", "times", "share"),
        (
            (row["token"], f"{row['count']:,}", f"{row['share']:.2%}")
            for row in vocabulary["commonest"][:12]
        ),
    )
    text = f"<p>{vocabulary['tokens_per_word']:.3f} tokens per word on average.</p>"
    return f'{text}<div class="side">{used}{covered}{commonest}</div>'


def _counts(counts: dict[str, int]) -> str:
    names = [name for name in _COUNTS if name in counts]
    names += [name for name in counts if name not in _COUNTS]
    rows = ((_COUNTS.get(n, n.replace("_", " ")), f"{counts[n]:,}") for n in names)
    return page.table(("", "number"), rows)


def _examples(report: dict[str, Any]) -> str:
    legend = (
        "<p>Rows from the whole data set, with the masks of the first epoch:</p>"
        '<p class="text"><ruby class="masked">mask<rt>token to predict</rt></ruby> '
        '<ruby class="replaced">a random token<rt>token to predict</rt></ruby> '
        '<ruby class="kept">kept, and predicted</ruby> '
        '<span class="second">the second text</span></p>'
    )
    labels = report["pairs"] and [label["meaning"] for label in report["pairs"]["labels"]]
    return legend + "".join(_example(row, labels) for row in report["examples"])


def _example(row: dict[str, Any], labels: Sequence[str] | None) -> str:
    parts, begin = [], 0
    for length, label in zip(row["example_lengths"], row["labels"], strict=True):
        tokens, begin = row["tokens"][begin : begin + length], begin + length
        note = f", second text: {labels[label]}" if labels else ""
        heading = f"row {row['row']:,}, {length} tokens{note}"
        parts.append(f'<p class="soft">{escape(heading)}</p><p class="text">{_text(tokens)}</p>')
    return f'<div class="example">{"".join(parts)}</div>'


def _text(tokens: Sequence[dict[str, Any]]) -> str:
    """Tokens as running text, with no space between the pieces of a word."""
    pieces, segment = [], 0
    for number, token in enumerate(tokens):
        if token["segment"] != segment:
            pieces.append('<span class="second">' if token["segment"] else "</span>")
            segment = token["segment"]
        goes_on = token.get("goes_on") and number and not tokens[number - 1].get("special")
        if number and not goes_on:
            pieces.append(" ")
        pieces.append(_token(token))
    return "".join(pieces) + ("</span>" if segment else "")


def _token(token: dict[str, Any]) -> str:
    text = escape(token.get("text", token["token"]))
    if token.get("special"):
        return f'<span class="mark">{text}</span>'
    if "was" not in token:
        return text
    if token["was"] == token["token"]:
        return f'<ruby class="kept">{text}</ruby>'
    kind = "masked" if token.get("mask") else "replaced"
    was = escape(token["was"])
    return f'<ruby class="{kind}">{escape(token["token"])}<rt>{was}</rt></ruby>'


def _settings(data: dict[str, Any]) -> str:
    table = page.table(("", ""), ((name, str(value)) for name, value in sorted(data.items())))
    return f'<div class="settings">{table}</div>'


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
