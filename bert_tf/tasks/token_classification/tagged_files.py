"""Files of tagged words: read in either form, checked, and written in the scheme of the model."""

import dataclasses
import re
from collections.abc import Sequence

from absl import logging

from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.tasks.token_classification import columns, sentence_records
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.columns import Sentence

_LANGUAGE = re.compile(r"[a-z]{2,3}:")  # as WikiANN writes it before each word
_SHOWN = 8


@dataclasses.dataclass(frozen=True)
class TagFormat:
    """How a file of tagged words is read.

    Attributes:
      word_column, tag_column: numbers of columns from 1, or keys of records; "": usual ones.
      tag_names: what tags mean that are numbers.
      word_prefix: stands before every word and is no part of it.
      scheme: of the tags; "auto" finds out.
      strict: whether a tag that cannot stand where it does is an error; else it is read as the
        beginning of an entity, with a warning.
      needs_tags: False: a file without tags will do.
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
    """Reads a file, checks its tags and writes them in the scheme of the model.

    Args:
      path, tag_format: the file.
      model_scheme: of the labels; plain tags stay plain. "auto": what the labels say, iob2
        without labels.
      labels: those of the training data; None makes them from this file.

    Returns:
      (sentences, labels, the scheme of the labels). Tags have hyphens, whatever the labels have.

    Raises:
      ValueError: what reading raises; a scheme that does not exist; a tag that is no
        entity's where others are, not valid where it stands, or not among the labels: names the
        line.
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
        # A model is scored on what it was trained on: plain tags, or entities in whatever scheme.
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
    """The sentences without what stands before every word."""
    if not prefix:
        first = _LANGUAGE.match(sentences[0].words[0])
        found = first[0] if first else ""
        if found and all(word.startswith(found) for s in sentences for word in s.words):
            logging.warning(
                "%s: every word begins with %r, which is read as part of it. If it is none, pass "
                "--config.task.word_prefix=%s",
                path,
                found,
                found,
            )
        return sentences
    for sentence in sentences:
        for word, line in zip(sentence.words, sentence.lines, strict=True):
            if not word.startswith(prefix) or word == prefix:
                raise ValueError(
                    f"{path}:{line}: the word {word!r} does not begin with {prefix!r} "
                    "(task.word_prefix) and have something behind it."
                )
    return [s._replace(words=[word[len(prefix) :] for word in s.words]) for s in sentences]


def _say(path: str, sentences: list[Sentence], scheme: str) -> None:
    """What kind of tags they are; a warning where plain ones stand beside `O`."""
    tags = sorted({tag for sentence in sentences for tag in sentence.tags})
    if scheme == "plain" and tag_lib.OUTSIDE in tags:
        shown = ", ".join(tags[:_SHOWN]) + (", ..." if len(tags) > _SHOWN else "")
        logging.warning(
            "%s: the tags are PLAIN (%s): each word is answered by itself, and neighbours of one "
            "tag are not one entity. Expected B- and I- before the types of entities; "
            "--config.task.file_tag_scheme=plain says that they are meant so",
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
                raise ValueError(f"{faults[0]} Mend it, or pass --config.task.strict_tags=false.")
    if faults:
        logging.warning(
            "%d of %d sentences have tags that cannot stand where they do; each is READ AS THE "
            "BEGINNING of an entity (--config.task.strict_tags=true refuses them). First: %s",
            len(faults),
            len(sentences),
            faults[0],
        )
    return [s._replace(tags=tag_lib.convert(s.tags, model_scheme)) for s in sentences]


def _check_entity_tags(path: str, sentence: Sentence) -> None:
    """What is no entity's tag cannot be repaired, and must not make all tags plain ones."""
    for word, tag, line in zip(sentence.words, sentence.tags, sentence.lines, strict=True):
        if not tag_lib.is_entity_tag(tag):
            raise ValueError(
                f"{path}:{line}: the tag {tag!r} of {word!r} is neither 'O' nor B-, I-, E- or S- "
                "and a type, as tags of entities are (BILOU's L- and U- are E- and S-). Mend it, "
                "or pass --config.task.file_tag_scheme=plain if the tags spell no entities."
            )


def _fault(path: str, sentence: Sentence, place: int, scheme: str) -> str:
    before = f"behind {sentence.tags[place - 1]!r}" if place else "at the beginning of a sentence"
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
