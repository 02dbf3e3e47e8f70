"""Tagged words before training and after.

What a run leaves in its work directory besides: results.json, and predictions/<set>/predictions.txt
(word, tag, predicted tag), errors.txt (the entities that were missed or made up).
"""

from bert_tf.config import ExperimentConfig
from bert_tf.data.columns import Sentence
from bert_tf.data.token_classification import encode_tagged, read_tagged
from bert_tf.finetuning import sets
from bert_tf.finetuning.sets import Files, Prepared, Result, Split, write_results
from bert_tf.tokenization.wordpiece import Tokenizer

__all__ = ["Files", "Prepared", "Result", "Split", "encode", "prepare", "read", "write_results"]


def read(path: str, config: ExperimentConfig) -> tuple[str, list[Sentence]]:
    """The path and the sentences of a file, with the tags of a model whose labels are known.

    Without `config.task.labels` they are those of this file, and go into the config with their
    scheme.
    """
    data, task = config.data, config.task
    sentences, labels, scheme = read_tagged(
        path,
        word_column=_number("text_column", data.text_column),
        tag_column=_number("label_column", data.label_column),
        scheme=data.tag_scheme,
        model_scheme=task.tag_scheme,
        labels=[str(label) for label in task.labels] or None,
        repair=data.repair_tags,
    )
    task.labels, task.tag_scheme = labels, scheme
    return path, sentences


def encode(
    examples: tuple[str, list[Sentence]], config: ExperimentConfig, tokenizer: Tokenizer
) -> Split:
    """Tokenized and cut into windows."""
    path, sentences = examples
    data = encode_tagged(
        path,
        sentences,
        [str(label) for label in config.task.labels],
        tokenizer,
        max_seq_length=config.data.max_seq_length,
        stride=config.data.doc_stride,
        document_context=config.data.document_context,
    )
    return Split(data, data)


def prepare(config: ExperimentConfig, files: sets.Files, tokenizer: Tokenizer) -> Prepared:
    """Reads all files; the labels of the training file and their scheme go into `config`."""
    train = encode(read(files.train, config), config, tokenizer)
    if config.data.max_train_examples:
        rows = train.arrays.first(config.data.max_train_examples)
        train = Split(rows, rows)
    dev, test = (
        {name: encode(read(path, config), config, tokenizer) for name, path in part.items()}
        for part in (files.dev, files.test)
    )
    return Prepared(train, dev, test)


def _number(name: str, value: str) -> int | None:
    if value and not value.isdecimal():
        raise ValueError(f"data.{name} is {value!r}; expected the number of a column, from 1.")
    return int(value) if value else None
