"""Tags of words: entities in IOB1, IOB2 or BIOES, or plain tags such as parts of speech.

Pure Python; knows nothing of files or tensors. A tag is `O`, or a prefix, a hyphen and a type. Some
models of other projects have an underscore instead of the hyphen.

    iob1    I- inside; B- where an entity follows another of its type, and allowed at the first word
            of any entity, as CoNLL-2003 has it twice
    iob2    B- first, I- inside
    bioes   B- first, I- inside, E- last; S- for an entity of one word
    plain   any tags; each word is separate
"""

import re
from collections.abc import Iterable, Sequence

OUTSIDE = "O"
SCHEMES = ("iob1", "iob2", "bioes", "plain")
_PREFIXES = {"iob1": "BI", "iob2": "BI", "bioes": "BIES"}
_ENTITY_TAG = re.compile(r"[BIES][-_].+", re.DOTALL)
_SPECIAL = re.compile(r"\[[A-Za-z]+\]|</?[A-Za-z]+>")  # labels named like special tokens


def split_tag(tag: str) -> tuple[str, str]:
    """(prefix, type); ("O", "") for tags outside entities."""
    return (OUTSIDE, "") if is_outside(tag) else (tag[0], tag[2:])


def is_outside(tag: str) -> bool:
    """Whether a tag is `O`, or the label of special tokens in some models."""
    return tag == OUTSIDE or bool(_SPECIAL.fullmatch(tag))


def with_hyphens(tags: Sequence[str]) -> list[str]:
    """The tags with hyphens: `B_PER` becomes `B-PER`."""
    return [f"{tag[0]}-{tag[2:]}" if _ENTITY_TAG.fullmatch(tag) else tag for tag in tags]


def is_entity_tag(tag: str) -> bool:
    """Whether a tag is `O` or has one of the four prefixes."""
    return is_outside(tag) or bool(_ENTITY_TAG.fullmatch(tag))


def all_tags(types: Iterable[str], scheme: str) -> tuple[str, ...]:
    """Every tag of an entity scheme: `O`, then the tags of each type, types sorted."""
    return (OUTSIDE, *(f"{p}-{t}" for t in sorted(set(types)) for p in _PREFIXES[scheme]))


def may_follow(before: str, tag: str, scheme: str) -> bool:
    """Whether `tag` is valid after `before`. The borders of a sentence count as `O`."""
    if scheme == "plain":
        return True
    (prefix, kind), (last, last_kind) = split_tag(tag), split_tag(before)
    if OUTSIDE not in (prefix, last) and {prefix, last} - set(_PREFIXES[scheme]):
        return False
    if scheme == "bioes":
        is_open = last in "BI"
        return (prefix in "IE" and kind == last_kind) if is_open else prefix in "BSO"
    return scheme == "iob1" or prefix != "I" or kind == last_kind


def first_fault(tags: Sequence[str], scheme: str) -> int | None:
    """The index of the first invalid tag; `len(tags)` if the end is invalid; None for no fault."""
    before = OUTSIDE
    for place, tag in enumerate((*tags, OUTSIDE)):
        known = scheme == "plain" or is_outside(tag) or tag[0] in _PREFIXES[scheme]
        if not known or not may_follow(before, tag, scheme):
            return place
        before = tag
    return None


def spans(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """(type, first word, last word + 1) of each entity, in any entity scheme.

    An invalid tag begins an entity, as in conlleval (Tjong Kim Sang 2000).
    """
    found, begin, before = [], None, (OUTSIDE, "")
    for place, tag in enumerate((*tags, OUTSIDE)):
        prefix, kind = split_tag(tag)
        continues = prefix in "IE" and before[1] == kind and before[0] not in "ES"
        if begin is not None and not continues:
            found.append((before[1], begin, place))
            begin = None
        if prefix != OUTSIDE and not continues:
            begin = place
        before = (prefix, kind)
    return found


def convert(tags: Sequence[str], scheme: str) -> list[str]:
    """The same entities in another scheme; invalid tags are read as in `spans`."""
    result, end_before, kind_before = [OUTSIDE] * len(tags), -1, ""
    for kind, begin, end in spans(tags):
        prefixes = ["I"] * (end - begin)
        if scheme == "iob2" or (scheme == "iob1" and (begin, kind) == (end_before, kind_before)):
            prefixes[0] = "B"
        elif scheme == "bioes":
            prefixes[0], prefixes[-1] = "B", "E"
            prefixes = prefixes if end - begin > 1 else ["S"]
        result[begin:end] = [f"{prefix}-{kind}" for prefix in prefixes]
        end_before, kind_before = end, kind
    return result


def detect_scheme(tags: Iterable[Sequence[str]]) -> str:
    """The scheme of most entities in the tags of the sentences.

    Without entities, tags are plain. Tags that are neither `O` nor entity tags are ignored; the
    caller checks them.
    """
    begun = {"B": 0, "I": 0}
    has_entities, is_bioes = False, False
    for sentence in tags:
        before = OUTSIDE
        for tag in sentence:
            if not is_entity_tag(tag):
                tag = OUTSIDE
            prefix, kind = split_tag(tag)
            has_entities = has_entities or prefix != OUTSIDE
            is_bioes = is_bioes or prefix in "ES"
            if prefix in begun and kind != split_tag(before)[1]:
                begun[prefix] += 1
            before = tag
    if is_bioes:
        return "bioes"
    if not has_entities:
        return "plain"
    return "iob1" if begun["I"] > begun["B"] else "iob2"


def scheme_of_labels(labels: Sequence[str]) -> str:
    """The scheme of a model's labels."""
    if OUTSIDE not in labels or not all(map(is_entity_tag, labels)):
        return "plain"
    prefixes = {split_tag(label)[0] for label in labels} - {OUTSIDE}
    if not prefixes:
        return "plain"
    if prefixes & {"E", "S"}:
        return "bioes"
    pairs = set(map(split_tag, labels))
    has_first_tags = all(("B", kind) in pairs for prefix, kind in pairs if prefix == "I")
    return "iob2" if has_first_tags else "iob1"
