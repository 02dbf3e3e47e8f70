"""Answers for lines of text: JSON lines out, in the order of the input.

    echo "a moving film" | python scripts/predict.py --model=work/sst2
    python scripts/predict.py --model=work/sst2 --input=texts.txt --output=answers.jsonl
    echo "The [MASK] sat on the mat." | python scripts/predict.py --model=work/mini

    python scripts/predict.py --model=all-MiniLM-L6-v2 --task=embed --input=texts.txt
    echo "Anna lives in Paris." | python scripts/predict.py --model=work/ner
    echo '{"question": "Who lives?", "context": "Anna lives."}' | \\
        python scripts/predict.py --model=work/squad

A classifier gives label and probabilities; a pretrained model guesses each [MASK]; an encoder gives
a vector a text; a model of tags the entities, one of spans the answer, both with their characters
in the text [start, end). For a classifier of pairs, a line holds both texts with a tab between
them; for a model of spans it is a JSON object with question and context (other keys come back).
--model may be a checkpoint of another project.
"""

import dataclasses
import json
import sys
from collections.abc import Iterator

from bert_tf import app  # before TensorFlow: it says how much TensorFlow logs

# isort: split
import tensorflow as tf
from absl import flags

from bert_tf import model_folder, progress
from bert_tf.config import TaskConfig
from bert_tf.tasks.task import encoder_inputs, make_task

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Model folder, work directory or foreign checkpoint.")
flags.DEFINE_enum(
    "task",
    None,
    ["classify", "fill_mask", "embed", "tag", "answer"],
    "Default: what the model was trained for. embed: one vector a text from any model (that of "
    "sentence-transformers where its folder says how; else mean over the tokens, length 1).",
)
flags.DEFINE_string("input", None, "Text file, one example a line; default: standard input.")
flags.DEFINE_string("output", None, "Where to write; default: standard output.")
flags.DEFINE_integer("batch_size", 32, "Lines of a step.", lower_bound=1)
flags.mark_flags_as_required(["model"])


_TASKS = {
    "classify": "classification",
    "fill_mask": "pretraining",
    "tag": "token_classification",
    "answer": "question_answering",
}


def main(argv):
    del argv
    task, model = model_folder.load(FLAGS.model)
    lines = _read_lines(FLAGS.input)
    task, model = _for_task(task, model)
    answer = tf.function(lambda batch: task.decode(model(batch), batch), reduce_retracing=True)
    answers = _predict(task, answer, lines)
    if not FLAGS.output:
        for line in answers:
            print(line, flush=True)
        return
    with progress.bar(total=len(lines), unit="lines", description="predicting") as bar:
        app.write_lines(FLAGS.output, _counted(answers, bar))


def _for_task(task, model):
    """Both as --task asks for them; ValueError if the model has no such head."""
    name = task.config.task.name
    needed = _TASKS.get(FLAGS.task, name)
    if FLAGS.task == "embed" and name != "embedding":
        config = dataclasses.replace(task.config, task=TaskConfig(name="embedding"))
        return make_task(config, task.tokenizer), lambda batch: model.encoder(
            **encoder_inputs(batch)
        )
    if needed != name:
        raise ValueError(
            f"--task={FLAGS.task} needs the head of {needed!r}; this model is {name!r}."
        )
    return task, model


def _counted(answers, bar) -> Iterator[str]:
    for line in answers:
        yield line
        bar.update(1)


def _read_lines(path: str | None) -> list[str]:
    """The lines of the file. Only LF and CRLF end a line: every other character is part of it."""
    if path is None:
        content = sys.stdin.buffer.read()
    else:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
    if not content:
        raise ValueError(f"{_name(path)} is empty; expected one text a line.")
    try:
        lines = content.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{_name(path)}:{number}: not UTF-8. Convert it, for example with iconv -t utf-8."
        ) from error
    return [line.removesuffix("\r") for line in lines]


def _name(path: str | None) -> str:
    return path or "standard input"


def _predict(task, answer, lines: list[str]) -> Iterator[str]:
    """One JSON object a line: the text, then what the task has to say."""
    for start in range(0, len(lines), FLAGS.batch_size):
        texts = lines[start : start + FLAGS.batch_size]
        if task.config.task.name == "question_answering":
            columns, known = _questions(texts, start)
        else:
            columns = _columns(texts, start) if task.takes_pairs else [texts]
            known = [{"text": text} for text in texts]
        outputs = answer(task.encode(*[tf.constant(column) for column in columns]))
        rows = {name: tensor.numpy() for name, tensor in outputs.items()}
        for index, about in enumerate(known):
            said = task.describe({name: values[index] for name, values in rows.items()})
            yield json.dumps({**about, **said}, ensure_ascii=False)


def _questions(texts: list[str], start: int) -> tuple[list[list[str]], list[dict]]:
    """Questions and contexts of JSON lines, and what of each line comes back."""
    records = []
    for number, text in enumerate(texts, start + 1):
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            record = None
        keys = ("question", "context")
        if not isinstance(record, dict) or not all(isinstance(record.get(k), str) for k in keys):
            raise ValueError(
                f'{_name(FLAGS.input)}:{number}: expected {{"question": "...", "context": "..."}}.'
            )
        records.append(record)
    columns = [[record[key] for record in records] for key in ("question", "context")]
    known = [{k: v for k, v in record.items() if k != "context"} for record in records]
    return columns, known


def _columns(texts: list[str], start: int) -> list[list[str]]:
    """The two columns of lines `a<TAB>b`."""
    pairs = [text.split("\t") for text in texts]
    for number, pair in enumerate(pairs, start + 1):
        if len(pair) != 2:
            raise ValueError(
                f"{_name(FLAGS.input)}:{number}: {len(pair)} column(s); this model takes two "
                "texts with a tab between them."
            )
    return [list(column) for column in zip(*pairs, strict=True)]


if __name__ == "__main__":
    app.run(main)
