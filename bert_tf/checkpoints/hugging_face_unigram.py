"""A Unigram in tokenizer.json: read as the SentencePiece model that it came from, and written.

transformers 5 writes nothing else for ALBERT and XLM-R. The vocabulary holds pieces and scores in
the order of ids, the normalizer the table of the model.
"""

import base64
import binascii
from typing import Any, NamedTuple

from bert_tf.checkpoints import hugging_face_files
from bert_tf.checkpoints.hugging_face_files import TOKENIZER_FILE, Description
from bert_tf.tokenization.sentence_piece import ALBERT, XLM_ROBERTA, SentencePieceTokenizer
from bert_tf.tokenization.sentence_piece_model import (
    CONTROL,
    NORMAL,
    SPACE,
    UNKNOWN,
    USER_DEFINED,
    SentencePieceModel,
)

# The first pieces of each family: those of ALBERT's model are its own.
_FIRST = {
    ALBERT: ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"),
    XLM_ROBERTA: ("<s>", "<pad>", "</s>", "<unk>"),
}
_OF_MODEL = ("<unk>", "<s>", "</s>")  # what XLM-R's model has in their place
_MASK = "<mask>"
_QUOTES = [
    {"type": "Replace", "pattern": {"String": mark}, "content": '"'} for mark in ("``", "''")
]
_MANY_SPACES = {"Regex": " {2,}"}
_ROWS = {ALBERT: ("[CLS]", "[SEP]", "bert"), XLM_ROBERTA: ("<s>", "</s>", "roberta")}


class Normalization(NamedTuple):
    """What the normalizer of tokenizer.json says.

    Attributes:
      do_lower_case, keep_accents: of ALBERT.
      charsmap: the table of the model.
    """

    do_lower_case: bool
    keep_accents: bool
    charsmap: bytes


def read_model(description: Description) -> SentencePieceModel | None:
    """The model in tokenizer.json; None if there is no Unigram in it.

    Raises:
      ValueError: a part is damaged, or it is of no family that is known.
    """
    model = description.part("model")
    if model.get("type") != "Unigram":
        return None
    pieces = model.get("vocab")
    if not isinstance(pieces, list) or not all(map(_is_piece, pieces)):
        raise ValueError(
            f"{description.folder}/{TOKENIZER_FILE}: the vocabulary of the Unigram is no list of "
            "pieces with scores."
        )
    family = _family([piece for piece, _ in pieces], description)
    description.check(TOKENIZER_FILE, model, "byte_fallback", False, of="model")
    for name in ("alpha", "nbest_size"):
        description.check(TOKENIZER_FILE, model, name, of="model")
    charsmap = read_normalization(description, family).charsmap
    unknown = _FIRST[family].index("<unk>")
    description.check(TOKENIZER_FILE, model, "unk_id", unknown, of="model")
    special = set(_FIRST[family])
    added = {token.content for token in description.added if not token.special}
    if family == XLM_ROBERTA:
        pieces = pieces[len(special) :]
        if pieces and pieces[-1][0] == _MASK:
            pieces = pieces[:-1]
        pieces = [*((name, 0.0) for name in _OF_MODEL), *pieces]
        special = set(_OF_MODEL)
    types = [
        (UNKNOWN if piece == "<unk>" else CONTROL)
        if piece in special
        else (USER_DEFINED if piece in added else NORMAL)
        for piece, _ in pieces
    ]
    names, scores = zip(*pieces, strict=True)
    return SentencePieceModel.of(names, types, scores, charsmap)


def _is_piece(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and bool(value[0])
        and type(value[1]) in (int, float)
        and abs(value[1]) < 1e30
    )


def _family(pieces: list[str], description: Description) -> str:
    for family, first in _FIRST.items():
        if tuple(pieces[: len(first)]) == first:
            return family
    begins = " or ".join(", ".join(first) for first in _FIRST.values())
    raise description.refuse(TOKENIZER_FILE, "model.vocab", pieces[:5], f"one that begins {begins}")


def read_normalization(description: Description, family: str) -> Normalization | None:
    """What is done to a text; None without tokenizer.json.

    Raises:
      ValueError: something that is not done here, or in another order.
    """
    if "normalizer" not in description.whole:
        return None
    parts = description.parts("normalizer", "normalizers")
    lower, keeps = False, True
    if family == ALBERT:
        _take_quotes(description, parts)
        if [part.get("type") for part in parts[:2]] == ["NFKD", "StripAccents"]:
            del parts[:2]
            keeps = False
        if parts and parts[0].get("type") == "Lowercase":
            del parts[0]
            lower = True
    if not parts or parts[0].get("type") != "Precompiled":
        raise _other_normalizer(description, family)
    try:
        charsmap = base64.b64decode(parts.pop(0).get("precompiled_charsmap"), validate=True)
    except (TypeError, binascii.Error, ValueError):
        raise ValueError(
            f"{description.folder}/{TOKENIZER_FILE}: precompiled_charsmap is no base64."
        ) from None
    strips = any(part.get("type") == "Strip" and part.get("strip_right") for part in parts)
    if not all(_is_about_spaces(part) for part in parts):
        raise _other_normalizer(description, family)
    _check_words(description, strips)
    return Normalization(lower, keeps, charsmap)


def _take_quotes(description: Description, parts: list[dict[str, Any]]) -> None:
    for quote in _QUOTES:
        if not parts or any(parts[0].get(name) != value for name, value in quote.items()):
            raise _other_normalizer(description, ALBERT)
        del parts[0]


def _other_normalizer(description: Description, family: str) -> ValueError:
    expected = (
        "Precompiled, and of ALBERT before it Replace of quotes, NFKD, StripAccents, Lowercase"
    )
    expected += f" (its pieces are those of {family})"
    return description.refuse(
        TOKENIZER_FILE, "normalizer", description.whole.get("normalizer"), expected
    )


def _is_about_spaces(part: dict[str, Any]) -> bool:
    """Whether a step only does to spaces what the model does."""
    is_many = part.get("pattern") == _MANY_SPACES and part.get("content") in (" ", SPACE)
    return part.get("type") == "Strip" or (part.get("type") == "Replace" and is_many)


def _check_words(description: Description, strips: bool) -> None:
    """Refuses another pre-tokenizer than one that begins every word with a space."""
    parts = description.parts("pre_tokenizer", "pretokenizers")
    kinds = [part.get("type") for part in parts]
    known = [["WhitespaceSplit", "Metaspace"], *([["Metaspace"]] if strips else [])]
    given = description.whole.get("pre_tokenizer")
    expected = "WhitespaceSplit and Metaspace"
    if kinds not in known:
        raise description.refuse(TOKENIZER_FILE, "pre_tokenizer", given, expected)
    last = parts[-1]
    prepends = last.get("prepend_scheme", "always" if last.get("add_prefix_space", True) else "")
    if last.get("replacement") != SPACE or prepends != "always" or last.get("split") is False:
        expected += f" with replacement {SPACE}, prepend_scheme always and split true"
        raise description.refuse(TOKENIZER_FILE, "pre_tokenizer", given, expected)


def check(description: Description, family: str) -> None:
    """Refuses rows and a decoder other than those of the family."""
    hugging_face_files.check_template(description, *_ROWS[family])
    description.check_decoder("Metaspace")


def tokenizer_json(tokenizer: SentencePieceTokenizer) -> dict[str, Any] | None:
    """The format of the `tokenizers` library, version 1.0; None if it cannot say all of it."""
    model = tokenizer.model
    if not model.charsmap or not model.collapses_spaces or tokenizer.google_rules:
        return None
    is_albert = tokenizer.family == ALBERT
    scores = dict(zip(model.pieces, model.scores, strict=True))
    steps = list(_QUOTES) if is_albert else []
    steps += [] if tokenizer.keep_accents else [{"type": "NFKD"}, {"type": "StripAccents"}]
    steps += [{"type": "Lowercase"}] if tokenizer.do_lower_case else []
    charsmap = base64.b64encode(model.charsmap).decode()
    steps.append({"type": "Precompiled", "precompiled_charsmap": charsmap})
    metaspace = {
        "type": "Metaspace",
        "replacement": SPACE,
        "prepend_scheme": "always",
        "split": True,
    }
    cls, sep, pair = _ROWS[tokenizer.family]
    template = hugging_face_files.template(cls, sep, pair=pair)
    ids = {cls: tokenizer.cls_id, sep: tokenizer.sep_id}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [token.to_json() for token in hugging_face_files.listed(tokenizer)],
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace],
        },
        "post_processor": {
            **template,
            "special_tokens": {
                name: {"id": name, "ids": [i], "tokens": [name]} for name, i in ids.items()
            },
        },
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": tokenizer.unk_id,
            "vocab": [[piece, scores.get(piece, 0.0)] for piece in tokenizer.vocabulary_tokens],
            "byte_fallback": False,
        },
    }
