"""What the report page shows of tagged words: what became of entities, and the errors."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from bert_tf.report import page
from bert_tf.tasks.classification.scores import confusion_matrix
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.columns import Sentence
from bert_tf.tasks.token_classification.rows import TaggedData
from bert_tf.tasks.token_classification.scores import OUTCOMES, entity_outcomes

_SHOWN_ERRORS = 50


def sections(
    data: TaggedData,
    predicted: list[list[str]],
    labels: Sequence[str],
    is_plain: bool,
    name: str,
) -> Iterator[tuple[str, str]]:
    """What became of the entities of a scored set, which words are taken for which, errors.

    Args:
      data: the set.
      predicted: the predicted tags of each sentence.
      labels: all tags.
      is_plain: whether tags spell no entities.
      name: of the set.

    Yields:
      (title, HTML) of each part of the page.
    """
    expected = [sentence.tags for sentence in data.sentences]
    if not is_plain:
        pairs = [
            (tag_lib.spans(e), tag_lib.spans(p)) for e, p in zip(expected, predicted, strict=True)
        ]
        rows = entity_outcomes(pairs)
        total = {o: sum(counts[o] for counts in rows.values()) for o in OUTCOMES}
        cells = [[kind, *c.values()] for kind, c in {**rows, "all": total}.items()]
        yield f"Entities of {name}", page.table(["type", *OUTCOMES], cells)
    yield f"Words of {name}", _word_matrix(labels, is_plain, expected, predicted)
    errors = itertools.islice(entity_errors(data.sentences, predicted), _SHOWN_ERRORS)
    rows = [] if is_plain else list(errors)
    if rows:
        head = ["line", "fault", "type", "entity", "sentence"]
        yield f"Errors of {name}: the first {len(rows)}", page.table(head, rows)


def _word_matrix(
    labels: Sequence[str],
    is_plain: bool,
    expected: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
) -> str:
    """A confusion matrix of words: of their tags, or of the types of their entities."""

    def kind(tag: str) -> str:
        return tag if is_plain or tag == tag_lib.OUTSIDE else tag_lib.split_tag(tag)[1]

    kinds = list(dict.fromkeys(kind(str(label)) for label in labels))
    number_of = {name: number for number, name in enumerate(kinds)}
    ids = [
        np.array([number_of[kind(tag)] for row in rows for tag in row])
        for rows in (expected, predicted)
    ]
    return page.matrix(kinds, confusion_matrix(*ids, len(kinds)).tolist())


def entity_errors(
    sentences: list[Sentence], predicted: list[list[str]]
) -> Iterator[tuple[str, str, str, str, str]]:
    """(line of the file, "missed" or "made up", type, entity, sentence) of each wrong entity."""
    for sentence, answers in zip(sentences, predicted, strict=True):
        expected, found = (set(tag_lib.spans(tags)) for tags in (sentence.tags, answers))
        for kind, begin, end in sorted(expected ^ found, key=lambda span: (*span[1:], span[0])):
            fault = "missed" if (kind, begin, end) in expected else "made up"
            entity = " ".join(sentence.words[begin:end])
            yield str(sentence.lines[begin]), fault, kind, entity, " ".join(sentence.words)
