"""Tagged words before training and after: read, held out, looked at; what became of entities."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.report import page
from bert_tf.tasks import sets
from bert_tf.tasks.classification.scores import confusion_matrix
from bert_tf.tasks.sets import Files, Prepared, Result, Split
from bert_tf.tasks.token_classification import look
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.columns import DOCUMENT_START, Sentence
from bert_tf.tasks.token_classification.rows import check_documents, encode_tagged, read_tagged
from bert_tf.tasks.token_classification.scores import OUTCOMES, entity_outcomes
from bert_tf.tasks.token_classification.task import TokenClassificationTask, entity_errors
from bert_tf.tokenization.tokenizer import Tokenizer

_Tagged = tuple[str, list[Sentence]]  # path and sentences
_SHOWN_ERRORS = 50


def read(path: str, config: ExperimentConfig) -> _Tagged:
    """The path and the sentences of a file, with the tags of a model whose labels are known.

    Without `config.task.labels` they are those of this file, and go into the config with their
    scheme.
    """
    task = config.task
    sentences, labels, scheme = read_tagged(
        path,
        word_column=_number("text_column", task.text_column),
        tag_column=_number("label_column", task.label_column),
        scheme=task.file_tag_scheme,
        model_scheme=task.tag_scheme,
        labels=[str(label) for label in task.labels] or None,
        repair=task.repair_tags,
    )
    task.labels, task.tag_scheme = labels, scheme
    return path, sentences


def encode(examples: _Tagged, config: ExperimentConfig, tokenizer: Tokenizer) -> Split:
    """Tokenized and cut into windows."""
    path, sentences = examples
    data = encode_tagged(
        path,
        sentences,
        [str(label) for label in config.task.labels],
        tokenizer,
        max_seq_length=config.data.max_seq_length,
        stride=config.task.doc_stride,
        document_context=config.task.document_context,
    )
    return Split(data, data)


def prepare(config: ExperimentConfig, files: Files, tokenizer: Tokenizer) -> Prepared:
    """Reads all files. What is learned from the training file goes into `config`: the labels, their
    scheme, widths.
    """
    path, sentences = read(files.train, config)
    if config.data.max_train_examples:
        sentences = sentences[: config.data.max_train_examples]
    dev, test = (
        {name: read(path, config) for name, path in part.items()}
        for part in (files.dev, files.test)
    )
    held_out = {}
    if not dev and config.data.dev_fraction > 0:
        sentences, own_dev = _hold_out(path, sentences, config)
        dev, held_out = {"dev": (path, own_dev)}, {"dev.conll": list(_columns(own_dev, config))}
    every = {"train": (path, sentences), **dev, **test}
    encoded = {name: encode(part, config, tokenizer) for name, part in every.items()}
    sets.choose_widths(config, encoded["train"].arrays.arrays["input_mask"])
    looked = look.look(
        {name: part.arrays for name, part in encoded.items()},
        plain=config.task.tag_scheme == "plain",
    )
    return Prepared.of(
        encoded,
        dev=dev,
        test=test,
        looked=looked,
        look_lines=look.report(looked),
        held_out=held_out,
    )


def _number(name: str, value: str) -> int | None:
    if value and not value.isdecimal():
        raise ValueError(f"task.{name} is {value!r}; expected the number of a column, from 1.")
    return int(value) if value else None


def _hold_out(
    path: str, sentences: list[Sentence], config: ExperimentConfig
) -> tuple[list[Sentence], list[Sentence]]:
    """(training part, held-out part): whole documents if rows reach over them, else sentences."""
    by_document = config.task.document_context
    if by_document:  # a file without them would be one document, too few to hold any out
        check_documents(path, sentences)
    return sets.hold_out_groups(
        sentences,
        [s.document if by_document else "\0".join(s.words) for s in sentences],
        config.data.dev_fraction,
        path=path,
        names=("sentences", "documents" if by_document else "sentences"),
    )


def _columns(sentences: Iterable[Sentence], config: ExperimentConfig) -> Iterator[str]:
    """Sentences as a file that is read as the training file was."""
    task = config.task
    words = int(task.text_column or 1) - 1
    # Without a number the tags are in the last column, which is not that of the words.
    tags = int(task.label_column) - 1 if task.label_column else words + 1
    width = max(words + 1, tags + 1, 2)
    document = -1
    for sentence in sentences:
        if sentence.document != document:
            document = sentence.document
            yield from ("\t".join([DOCUMENT_START, *["O"] * (width - 1)]), "")
        own_tags = sentence.tags
        if task.file_tag_scheme not in ("auto", "plain"):
            own_tags = tag_lib.convert(own_tags, task.file_tag_scheme)
        for word, tag in zip(sentence.words, own_tags, strict=True):
            row = ["_"] * width
            row[words], row[tags] = word, tag
            yield "\t".join(row)
        yield ""


def sections(
    task: TokenClassificationTask, part: Split, result: Result, name: str
) -> Iterable[tuple[str, str]]:
    """What became of the entities of a scored set, which words are taken for which, errors."""
    data = part.arrays
    predicted = task.tags_of(result.rows, data)
    expected = [sentence.tags for sentence in data.sentences]
    if not task.is_plain:
        pairs = [
            (tag_lib.spans(e), tag_lib.spans(p)) for e, p in zip(expected, predicted, strict=True)
        ]
        rows = entity_outcomes(pairs)
        total = {o: sum(counts[o] for counts in rows.values()) for o in OUTCOMES}
        cells = [[kind, *c.values()] for kind, c in {**rows, "all": total}.items()]
        yield f"Entities of {name}", page.table(["type", *OUTCOMES], cells)
    yield f"Words of {name}", _word_matrix(task, expected, predicted)
    errors = itertools.islice(entity_errors(data.sentences, predicted), _SHOWN_ERRORS)
    rows = [] if task.is_plain else list(errors)
    if rows:
        head = ["line", "fault", "type", "entity", "sentence"]
        yield f"Errors of {name}: the first {len(rows)}", page.table(head, rows)


def _word_matrix(
    task: TokenClassificationTask,
    expected: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
) -> str:
    """A confusion matrix of words: of their tags, or of the types of their entities."""

    def kind(tag: str) -> str:
        return tag if task.is_plain or tag == tag_lib.OUTSIDE else tag_lib.split_tag(tag)[1]

    kinds = list(dict.fromkeys(kind(str(label)) for label in task.config.task.labels))
    number_of = {name: number for number, name in enumerate(kinds)}
    ids = [
        np.array([number_of[kind(tag)] for row in rows for tag in row])
        for rows in (expected, predicted)
    ]
    return page.matrix(kinds, confusion_matrix(*ids, len(kinds)).tolist())
