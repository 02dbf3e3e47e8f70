"""Finds what is unusual in a report, and says what to do about it. Plain Python."""

import math
from collections.abc import Callable
from typing import Any

_SIGMAS = 5  # a larger deviation of a share is not due to chance
_SENTENCES_PER_DOCUMENT = 1.5  # with fewer, pairs have no next sentence
_EXPECTED = {"masked": 0.8, "kept": 0.1, "replaced": 0.1}


def find_checks(report: dict[str, Any]) -> list[dict[str, Any]]:
    """`name`, `ok` and `text` of every check for this data set (see `report.measure`)."""
    found = [check(report) for check in _CHECKS]
    return [{"name": n, "ok": ok, "text": text} for n, ok, text in filter(None, found)]


_Check = tuple[str, bool, str] | None


def _unknown(report: dict[str, Any]) -> _Check:
    share = report["unknown"]["share"]
    text = f"{share:.3%} of the tokens are unknown"
    hint = ": learn a vocabulary from this text, or use one for its language"
    return "unknown tokens", share < 0.005, text + (hint if share >= 0.005 else "")


def _padding(report: dict[str, Any]) -> _Check:
    share, ok = report["size"]["padding_share"], report["size"]["padding_share"] < 0.15
    hint = ": pack short examples with --max_examples_per_row, or shorten --max_seq_length"
    return "padding", ok, f"{share:.1%} of the places are padding" + ("" if ok else hint)


def _pairs(report: dict[str, Any]) -> _Check:
    if report["pairs"] is None:
        return None
    share = report["pairs"]["share_of_label_1"]
    ok = 0.4 <= share <= 0.65
    meaning = report["pairs"]["labels"][1]["meaning"]
    counts = report["counts"]
    per_document = counts.get("sentences", 0) / max(counts.get("documents", 1), 1)
    hint = f": {one_label_hint(per_document)}"
    text = f"{share:.1%} of the second texts: {meaning}"
    return "pairs", ok, text + ("" if ok else hint)


def one_label_hint(sentences_per_document: float) -> str:
    """The probable reason why nearly all pairs have one label; it depends on the documents."""
    if sentences_per_document < _SENTENCES_PER_DOCUMENT:
        return (
            f"a document has {sentences_per_document:.1f} sentences on average, and the next "
            "sentence must be from the same document. Is there a blank line after every sentence? "
            "A blank line ends a document"
        )
    return (
        f"a document has {sentences_per_document:.1f} sentences on average. Does one sentence fill "
        "an example, or are line breaks missing?"
    )


def _mask_shares(report: dict[str, Any]) -> _Check:
    masks = report["masks"]
    count = max(masks["predictions"], 1)
    far = [
        name
        for name, share in _EXPECTED.items()
        # A random token is sometimes equal to the original token.
        if abs(masks[f"{name}_share"] - share)
        > _SIGMAS * math.sqrt(share * (1 - share) / count) + 0.1 / report["vocabulary"]["size"]
    ]
    shares = " / ".join(f"{masks[f'{name}_share']:.2%}" for name in _EXPECTED)
    text = f"masked, kept, replaced: {shares} of {masks['predictions']:,} measured predictions"
    return "masks", not far, text + ("" if not far else "; expected 80 / 10 / 10")


def _predictions(report: dict[str, Any]) -> _Check:
    masks, settings = report["masks"], report["masks"]["settings"]
    share = masks["left_out_share"]
    text = (
        f"{share:.2%} of the predictions have no slot; there are "
        f"{settings['max_predictions_per_seq']} a row"
    )
    hint = ": raise max_predictions_per_seq"
    return "prediction slots", share < 0.01, text + (hint if share >= 0.01 else "")


def _truncated(report: dict[str, Any]) -> _Check:
    counts, read = report["counts"], report["counts"].get("tokens", 0)
    if "tokens_truncated" not in counts or not read:
        return None
    copies = report["data"].get("dupe_factor", 1)
    share = counts["tokens_truncated"] / (read * copies)
    hint = ": sentences are long for this --max_seq_length; is every sentence on its own line?"
    text = f"{share:.1%} of the tokens were cut away, because examples were too long"
    return "cut off", share < 0.35, text + (hint if share >= 0.35 else "")


def _vocabulary(report: dict[str, Any]) -> _Check:
    share = report["vocabulary"]["used_share"]
    hint = ": a smaller vocabulary, learned from this text, would train faster"
    text = f"{share:.1%} of the vocabulary occurs"
    return "vocabulary", share >= 0.5, text + ("" if share >= 0.5 else hint)


def _unreadable(report: dict[str, Any]) -> _Check:
    counts = report["counts"]
    bad = counts.get("bad_records", 0), counts.get("bad_files", 0)
    text = f"{bad[0]:,} records and {bad[1]:,} files of the input could not be read"
    return "unreadable", not any(bad), text


_CHECKS: tuple[Callable[[dict[str, Any]], _Check], ...] = (
    _unknown,
    _mask_shares,
    _predictions,
    _pairs,
    _padding,
    _truncated,
    _vocabulary,
    _unreadable,
)
