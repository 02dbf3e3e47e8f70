"""Tagged words as records: one object per sentence, in JSON lines or Parquet.

    {"tokens": ["Anna", "sleeps"], "ner_tags": ["B-PER", "O"]}

Tags can be whole numbers, which are indices into a list of names in the settings. Knows nothing of
labels or tokens.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf.data.labelled import records
from bert_tf.data.labelled.records import Reading
from bert_tf.tasks.token_classification.columns import Sentence

# Usual names; the first that a file has is used.
WORD_KEYS = ("tokens", "words")
_TAG_KEYS = ("ner_tags", "tags", "labels", "pos_tags", "upos", "chunk_tags")


def is_of_records(path: str, reading: Reading) -> bool:
    """Whether the file has records; otherwise it has columns."""
    return reading.kind(path) in ("jsonl", "parquet")


def read_sentences(
    path: str,
    reading: Reading,
    *,
    word_key: str = "",
    tag_key: str = "",
    tag_names: Sequence[str] = (),
    needs_tags: bool = True,
) -> list[Sentence]:
    """Reads a file, which can be compressed. The line of a word is the line of its record.

    Args:
      path, reading: the file.
      word_key, tag_key: names of the two lists; "": found by their usual names.
      tag_names: the names of tags that are numbers; () for tags that are strings.
      needs_tags: False: records can have only words.

    Raises:
      ValueError: as in `records.iterate_objects`; a list is missing; the lists have different
        lengths; tags are numbers without names; there are no words.
    """
    sentences, keys = [], None
    for line, record in records.iterate_objects(path, reading):
        where = f"{path}:{line}"
        if keys is None:
            keys = _keys(where, record, word_key, tag_key, needs_tags)
        words = _words(where, record, keys[0])
        tags = _tags(where, record, keys[1], tag_names) if keys[1] else []
        if keys[1] and len(words) != len(tags):
            raise ValueError(
                f"{where}: {len(words)} words ({keys[0]}), but {len(tags)} tags ({keys[1]}). "
                "Expected one tag for each word."
            )
        if words:
            sentences.append(Sentence(words, tags, [line] * len(words), -1))
    if not sentences:
        raise ValueError(f"{path}: no words. Expected a list of words in every record.")
    return sentences


def _keys(
    where: str, record: Mapping[str, Any], word_key: str, tag_key: str, needs_tags: bool
) -> tuple[str, str]:
    """The keys of words and of tags; "" if a file has no tags and needs none."""
    found = []
    for key, usual, setting in (
        (word_key, WORD_KEYS, "text_column"),
        (tag_key, _TAG_KEYS, "label_column"),
    ):
        key = key or next((name for name in usual if name in record), "")
        if key not in record and (setting == "text_column" or needs_tags):
            what = "words" if setting == "text_column" else "tags"
            raise ValueError(
                f"{where}: no list of {what} ({key or ', '.join(usual)}). The keys are: "
                f"{', '.join(record)}. Name the key with --config.task.{setting}=KEY."
            )
        found.append(key if key in record else "")
    return tuple(found)


def _words(where: str, record: Mapping[str, Any], key: str) -> list[str]:
    words = list(_list(where, record, key))
    for word in words:
        if not isinstance(word, str) or not word.strip():
            raise ValueError(f"{where}: {key!r} holds {word!r}. Expected words.")
    return words


def _tags(where: str, record: Mapping[str, Any], key: str, tag_names: Sequence[str]) -> list[str]:
    tags = list(_list(where, record, key))
    numbers = [tag for tag in tags if isinstance(tag, int) and not isinstance(tag, bool)]
    if not numbers:
        wrong = [tag for tag in tags if not isinstance(tag, str) or not tag.strip()]
        if wrong:
            raise ValueError(f"{where}: {key!r} holds {wrong[0]!r}. Expected tags.")
        return tags
    if not tag_names:
        raise ValueError(
            f"{where}: the tags are numbers. Give their names, beginning with tag 0: "
            "--config.task.tag_names=\"('O','B-PER','I-PER')\"."
        )
    for tag in tags:
        if tag not in numbers or not 0 <= tag < len(tag_names):
            raise ValueError(
                f"{where}: {key!r} holds {tag!r}. Expected numbers from 0 to {len(tag_names) - 1}: "
                f"task.tag_names has {len(tag_names)} names."
            )
    return [tag_names[tag] for tag in tags]


def _list(where: str, record: Mapping[str, Any], key: str) -> list:
    value = record.get(key)
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where}: {key!r} is {str(value)[:40]!r}. Expected a list.")
    return value
