"""Questions and contexts before training and after.

What a run leaves in its work directory besides: results.json, and in predictions/<set>/
predictions.json, nbest_predictions.json and, with null answers, null_odds.json.
"""

from bert_tf.config import ExperimentConfig
from bert_tf.data.question_answering import encode_squad
from bert_tf.data.squad import Squad, read_squad
from bert_tf.finetuning import sets
from bert_tf.finetuning.sets import Files, Prepared, Result, Split, write_results
from bert_tf.tokenization.wordpiece import Tokenizer

__all__ = ["Files", "Prepared", "Result", "Split", "encode", "prepare", "read", "write_results"]


def read(path: str, config: ExperimentConfig) -> Squad:
    """The questions and contexts of a file."""
    del config
    return read_squad(path)


def encode(
    examples: Squad, config: ExperimentConfig, tokenizer: Tokenizer, *, training: bool = False
) -> Split:
    """Tokenized and cut into windows. In training every answer must be in its context."""
    data = encode_squad(
        examples,
        tokenizer,
        max_seq_length=config.data.max_seq_length,
        max_query_length=config.data.max_query_length,
        stride=config.data.doc_stride,
        training=training,
        skip_bad=config.data.skip_bad_answers,
    )
    return Split(data, data)


def prepare(config: ExperimentConfig, files: sets.Files, tokenizer: Tokenizer) -> Prepared:
    """Reads all files; whether there are null answers in training goes into `config`."""
    squad = read_squad(files.train)
    config.task.text_pairs = True
    config.task.null_answers = any(not question.answers for question in squad.questions)
    train = encode(squad, config, tokenizer, training=True)
    if config.data.max_train_examples:
        rows = train.arrays.first(config.data.max_train_examples)
        train = Split(rows, rows)
    dev, test = (
        {name: encode(read_squad(path), config, tokenizer) for name, path in part.items()}
        for part in (files.dev, files.test)
    )
    return Prepared(train, dev, test)
