"""Reads, splits and summarises tagged words before training."""

import dataclasses
import json
from collections.abc import Iterable, Iterator

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.tasks import sets
from bert_tf.tasks.sets import Files, Prepared, Split
from bert_tf.tasks.token_classification import look, sentence_records
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.columns import DOCUMENT_START, Sentence
from bert_tf.tasks.token_classification.config import Config, Facts
from bert_tf.tasks.token_classification.rows import check_documents, encode_tagged
from bert_tf.tasks.token_classification.tagged_files import TagFormat, read_tagged
from bert_tf.tokenization.tokenizer import Tokenizer


def read(
    path: str,
    task: Config,
    facts: Facts,
    *,
    reading: Reading = AS_NAMED,
    needs_tags: bool = True,
) -> tuple[list[Sentence], Facts]:
    """Reads the sentences of a file, with tags in the scheme of the facts.

    Returns:
      The sentences; the facts, with the labels and scheme of this file if they had none.
    """
    tag_format = TagFormat(
        task.text_column,
        task.label_column,
        tuple(task.tag_names),
        task.word_prefix,
        task.file_tag_scheme,
        task.strict_tags,
        needs_tags,
        reading,
    )
    labels = [str(label) for label in facts.labels] or None
    sentences, labels, scheme = read_tagged(
        path, tag_format, model_scheme=facts.tag_scheme, labels=labels
    )
    return sentences, dataclasses.replace(facts, labels=tuple(labels), tag_scheme=scheme)


def encode(
    path: str,
    sentences: list[Sentence],
    config: ExperimentConfig,
    facts: Facts,
    tokenizer: Tokenizer,
) -> Split:
    """Tokenizes the sentences of the file `path`, in windows."""
    data = encode_tagged(
        path,
        sentences,
        [str(label) for label in facts.labels],
        tokenizer,
        max_seq_length=config.data.max_seq_length,
        stride=config.task.doc_stride,
        document_context=config.task.document_context,
    )
    return Split(data, data, is_labelled=all(sentence.tags for sentence in sentences))


def prepare(config: ExperimentConfig, files: Files, tokenizer: Tokenizer) -> Prepared:
    """Reads all files and finds the facts: the labels, their scheme, widths."""
    task, data = config.task, config.data
    sentences, facts = read(files.train, task, task.given_facts(data), reading=files.reading)
    if data.max_train_examples:
        sentences = sentences[: data.max_train_examples]
    dev, test = (
        {
            name: (path, read(path, task, facts, reading=files.reading, needs_tags=needs)[0])
            for name, path in part.items()
        }
        for part, needs in ((files.dev, True), (files.test, False))
    )
    held_out = {}
    if not dev and data.dev_fraction > 0:
        sentences, own_dev = _hold_out(files.train, sentences, config)
        dev = {"dev": (files.train, own_dev)}
        if sentence_records.is_of_records(files.train, files.reading):
            held_out = {"dev.jsonl": list(_records(own_dev, task))}
        else:
            held_out = {"dev.conll": list(_columns(own_dev, task))}
    every = {"train": (files.train, sentences), **dev, **test}
    encoded = {name: encode(*part, config, facts, tokenizer) for name, part in every.items()}
    for name in test:  # older versions required tags, so all-O tags are placeholders
        has_others = any(set(sentence.tags) - {tag_lib.OUTSIDE} for sentence in test[name][1])
        encoded[name].is_labelled &= has_others
    looked = look.look(
        {name: part.arrays for name, part in encoded.items()}, plain=facts.tag_scheme == "plain"
    )
    return Prepared.of(
        sets.with_widths(facts, data, encoded["train"].arrays.arrays["input_mask"]),
        encoded,
        dev=dev,
        test=test,
        looked=looked,
        look_lines=look.report(looked),
        held_out=held_out,
    )


def _hold_out(
    path: str, sentences: list[Sentence], config: ExperimentConfig
) -> tuple[list[Sentence], list[Sentence]]:
    """(training part, held-out part): whole documents if rows span them, otherwise sentences."""
    by_document = config.task.document_context
    if by_document:  # without documents, the file would be a single one
        check_documents(path, sentences)
    return sets.hold_out_groups(
        sentences,
        [s.document if by_document else "\0".join(s.words) for s in sentences],
        config.data.dev_fraction,
        path=path,
        names=("sentences", "documents" if by_document else "sentences"),
    )


def _columns(sentences: Iterable[Sentence], task: Config) -> Iterator[str]:
    """Sentences as lines of a file for the same settings as the training file."""
    words = int(task.text_column or 1) - 1
    # Without a number, the tags are in the last column, and the words are not.
    tags = int(task.label_column) - 1 if task.label_column else words + 1
    width = max(words + 1, tags + 1, 2)
    document = -1
    for sentence in sentences:
        if sentence.document != document:
            document = sentence.document
            yield from ("\t".join([DOCUMENT_START, *["O"] * (width - 1)]), "")
        for word, tag in zip(sentence.words, _file_tags(sentence, task), strict=True):
            row = ["_"] * width
            row[words], row[tags] = task.word_prefix + word, tag
            yield "\t".join(row)
        yield ""


def _records(sentences: Iterable[Sentence], task: Config) -> Iterator[str]:
    """Sentences as records of a file for the same settings as the training file."""
    keys = task.text_column or "tokens", task.label_column or "ner_tags"
    for sentence in sentences:
        words = [task.word_prefix + word for word in sentence.words]
        record = dict(zip(keys, (words, _file_tags(sentence, task)), strict=True))
        yield json.dumps(record, ensure_ascii=False)


def _file_tags(sentence: Sentence, task: Config) -> list[str]:
    """The tags in the scheme of the files."""
    if task.file_tag_scheme in ("auto", "plain"):
        return sentence.tags
    return tag_lib.convert(sentence.tags, task.file_tag_scheme)
