"""Reads and checks files of tagged words in both forms, and converts tags to the model's scheme."""

import dataclasses
import re
from collections.abc import Sequence

from absl import logging

from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.tasks.token_classification import columns, sentence_records
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.columns import Sentence

_LANGUAGE = re.compile(r"[a-z]{2,3}:")  # the prefix of each word in WikiANN
_SHOWN = 8


@dataclasses.dataclass(frozen=True)
class TagFormat:
    """The format of a file of tagged words.

    Attributes:
      word_column, tag_column: numbers of columns from 1, or keys of records; "": usual ones.
      tag_names: the names of tags that are numbers.
      word_prefix: a prefix of every word, which is removed.
      scheme: of the tags; "auto": detected.
      strict: whether an invalid tag is an error; otherwise it is read as the beginning of an
        entity, with a warning.
      needs_tags: False: a file without tags is allowed.
      reading: format and encoding.
    """

    word_column: str = ""
    tag_column: str = ""
    tag_names: tuple[str, ...] = ()
    word_prefix: str = ""
    scheme: str = "auto"
    strict: bool = False
    needs_tags: bool = True
    reading: Reading = AS_NAMED


def read_tagged(
    path: str,
    tag_format: TagFormat = TagFormat(),  # noqa: B008 - frozen
    *,
    model_scheme: str = "auto",
    labels: Sequence[str] | None = None,
) -> tuple[list[Sentence], tuple[str, ...], str]:
    """Reads a file, checks its tags and converts them to the scheme of the model.

    Args:
      path, tag_format: the file.
      model_scheme: of the labels; plain tags stay plain. "auto": the scheme that the labels show,
        or iob2 without labels.
      labels: of the training data; None: make them from this file.

    Returns:
      (sentences, labels, the scheme of the labels). Tags have hyphens, even if the labels do not.

    Raises:
      ValueError: as for reading; the scheme is unknown; a tag among entity tags is not an entity
        tag, or a tag is invalid or not in the labels. The message names the line.
    """
    scheme = tag_format.scheme
    for name in (scheme, model_scheme):
        if name not in ("auto", *tag_lib.SCHEMES):
            raise ValueError(f"tag scheme {name!r}. Known: auto, {', '.join(tag_lib.SCHEMES)}.")
    sentences = _without_prefix(path, _read(path, tag_format), tag_format.word_prefix)
    if model_scheme == "auto":
        model_scheme = tag_lib.scheme_of_labels(labels) if labels else "iob2"
    if not all(sentence.tags for sentence in sentences):  # words alone
        return sentences, tuple(labels or ()), model_scheme
    if scheme == "auto":
        scheme = tag_lib.detect_scheme([sentence.tags for sentence in sentences])
        # A model is scored on the kind of its training data: plain tags, or entities in any scheme.
        if model_scheme == "plain":
            scheme = "plain"
        elif scheme == "plain" and labels:
            scheme = "iob2"
        _say(path, sentences, scheme)
    if (scheme == "plain") != (model_scheme == "plain") and labels:
        raise ValueError(f"{path}: {scheme} tags, but the model has {model_scheme} ones.")
    if scheme == "plain":
        model_scheme = "plain"
    else:
        sentences = _in_scheme(path, sentences, scheme, model_scheme, tag_format.strict)
    labels = tuple(labels or _labels_of(path, sentences, model_scheme))
    _check_known(path, sentences, labels)
    return sentences, labels, model_scheme


def _read(path: str, tag_format: TagFormat) -> list[Sentence]:
    word_column, tag_column = tag_format.word_column, tag_format.tag_column
    if sentence_records.is_of_records(path, tag_format.reading):
        return sentence_records.read_sentences(
            path,
            tag_format.reading,
            word_key=word_column,
            tag_key=tag_column,
            tag_names=tag_format.tag_names,
            needs_tags=tag_format.needs_tags,
        )
    return columns.read_sentences(
        path,
        word_column=_number("text_column", word_column),
        tag_column=_number("label_column", tag_column),
        encoding=tag_format.reading.encoding,
        needs_tags=tag_format.needs_tags,
    )


def _number(name: str, value: str) -> int | None:
    if value and not value.isdecimal():
        raise ValueError(f"task.{name} is {value!r}; expected the number of a column, from 1.")
    return int(value) if value else None


def _without_prefix(path: str, sentences: list[Sentence], prefix: str) -> list[Sentence]:
    """The sentences without the prefix of every word."""
    if not prefix:
        first = _LANGUAGE.match(sentences[0].words[0])
        found = first[0] if first else ""
        if found and all(word.startswith(found) for s in sentences for word in s.words):
            logging.warning(
                "%s: every word begins with %r, which is read as a part of the word. If it is a "
                "prefix, pass --config.task.word_prefix=%s",
                path,
                found,
                found,
            )
        return sentences
    for sentence in sentences:
        for word, line in zip(sentence.words, sentence.lines, strict=True):
            if not word.startswith(prefix) or word == prefix:
                raise ValueError(
                    f"{path}:{line}: the word is {word!r}; expected {prefix!r} (task.word_prefix) "
                    "and more characters after it."
                )
    return [s._replace(words=[word[len(prefix) :] for word in s.words]) for s in sentences]


def _say(path: str, sentences: list[Sentence], scheme: str) -> None:
    """Logs the scheme of the tags; warns of plain tags together with `O`."""
    tags = sorted({tag for sentence in sentences for tag in sentence.tags})
    if scheme == "plain" and tag_lib.OUTSIDE in tags:
        shown = ", ".join(tags[:_SHOWN]) + (", ..." if len(tags) > _SHOWN else "")
        logging.warning(
            "%s: the tags are PLAIN (%s): each word is answered separately, and neighbours with "
            "the same tag are not one entity. Entities need B- and I- before their types; if plain "
            "tags are right, pass --config.task.file_tag_scheme=plain",
            path,
            shown,
        )
        return
    logging.info("%s: the tags are %s", path, scheme)


def _in_scheme(
    path: str, sentences: list[Sentence], scheme: str, model_scheme: str, strict: bool
) -> list[Sentence]:
    faults = []
    for sentence in sentences:
        _check_entity_tags(path, sentence)
        place = tag_lib.first_fault(sentence.tags, scheme)
        if place is not None:
            faults.append(_fault(path, sentence, place, scheme))
            if strict:
                raise ValueError(
                    f"{faults[0]} Correct it, or pass --config.task.strict_tags=false."
                )
    if faults:
        logging.warning(
            "%d of %d sentences have invalid tags; each is READ AS THE BEGINNING of an entity "
            "(an error with --config.task.strict_tags=true). First: %s",
            len(faults),
            len(sentences),
            faults[0],
        )
    return [s._replace(tags=tag_lib.convert(s.tags, model_scheme)) for s in sentences]


def _check_entity_tags(path: str, sentence: Sentence) -> None:
    """Raises ValueError for a tag that is not an entity tag; it must not make all tags plain."""
    for word, tag, line in zip(sentence.words, sentence.tags, sentence.lines, strict=True):
        if not tag_lib.is_entity_tag(tag):
            raise ValueError(
                f"{path}:{line}: the tag {tag!r} of {word!r} is neither 'O' nor B-, I-, E- or S- "
                "and a type, as entity tags are (write E- and S- for BILOU's L- and U-). Correct "
                "it, or pass --config.task.file_tag_scheme=plain if the tags are not entities."
            )


def _fault(path: str, sentence: Sentence, place: int, scheme: str) -> str:
    before = f"after {sentence.tags[place - 1]!r}" if place else "at the beginning of a sentence"
    if place == len(sentence.tags):
        line, what = sentence.lines[-1], f"a sentence ends {before}"
    else:
        line, what = sentence.lines[place], f"the tag {sentence.tags[place]!r} stands {before}"
    return f"{path}:{line}: {what}, which is not valid in {scheme}."


def _labels_of(path: str, sentences: list[Sentence], scheme: str) -> tuple[str, ...]:
    tags = {tag for sentence in sentences for tag in sentence.tags}
    if len(tags) < 2:
        raise ValueError(f"{path}: every word has the tag {tags.pop()!r}. Expected two or more.")
    if scheme == "plain":
        return tuple(sorted(tags))
    return tag_lib.all_tags({tag_lib.split_tag(tag)[1] for tag in tags} - {""}, scheme)


def _check_known(path: str, sentences: list[Sentence], labels: tuple[str, ...]) -> None:
    known = set(labels) | set(tag_lib.with_hyphens(labels))
    for sentence in sentences:
        for tag, line in zip(sentence.tags, sentence.lines, strict=True):
            if tag not in known:
                raise ValueError(
                    f"{path}:{line}: the tag {tag!r} was not seen in training. "
                    f"The known tags are: {', '.join(labels)}."
                )
