r"""Answers lines of text, or the rows of a table, in the order of the input.

    echo "a moving film" | python scripts/predict.py --model=work/sst2
    python scripts/predict.py --model=work/sst2 --input=texts.txt --output=answers.jsonl
    python scripts/predict.py --model=work/tickets --input=tickets.csv --output=answered.csv
    echo "The [MASK] sat on the mat." | python scripts/predict.py --model=work/mini
    python scripts/predict.py --model=all-MiniLM-L6-v2 --task=embed --input=texts.txt
    echo "Anna lives in Paris." | python scripts/predict.py --model=work/ner
    echo '{"question": "Who lives?", "context": "Anna lives."}' | \
        python scripts/predict.py --model=work/squad
    python scripts/predict.py --model=work/sst2 --interactive
    python scripts/predict.py --model=served/sst2 --calibration_data=dev.tsv --input=texts.txt

--model is a model folder, a work directory, a checkpoint of another project, or a model that
export.py wrote: SavedModel, LiteRT or ONNX. A classifier gives a label and probabilities. A
pretrained model guesses each [MASK]. An encoder gives a vector for each text. A tagger gives
entities, a model for questions the answer, both with their characters in the text [start, end).

Of a table (.tsv, .csv, .jsonl, also compressed, or .parquet) the texts are the columns that the
model was trained with; all columns come back in the answer, under the name given_COLUMN if the
answer has COLUMN itself. Other columns: --config.task.text_column=review, a template such as
--config.task.text_column='{title}: {body}', and --config.task.text_pair_column for pairs. For a
model for questions they are question and context; the context does not come back.

Of other files, and of standard input, each line is a text. For a classifier of pairs a line holds
two texts with a tab between them. For a model for questions it is a JSON object with question and
context.

Input of any size is read, answered and written in parts. With --output, the same command continues
a run that was killed.
"""

import dataclasses
import hashlib
import itertools
import sys

from bert_tf import app  # before TensorFlow: it says how much TensorFlow logs

# isort: split
import numpy as np
from absl import flags

from bert_tf import progress
from bert_tf.data.labelled import records
from bert_tf.data.text.lines import STANDARD_INPUT
from bert_tf.inference import answer_formats, answerers, calibration, rows, stream
from bert_tf.inference.answers_file import AnswersFile

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "The model that answers; see above.")
flags.DEFINE_string(
    "task",
    None,
    "One of " + ", ".join(answerers.known_tasks()) + "; the default is what the model was trained "
    "for. embed: one vector a text from any model (that of sentence-transformers where its folder "
    "says how; else mean over the tokens, length 1).",
)
flags.DEFINE_string("input", None, "A file of texts or a table; default: standard input.")
flags.DEFINE_enum(
    "input_format",
    "auto",
    records.FORMATS,
    "How the input is read: lines, or a table in this format. auto: the name says it; a name that "
    "says nothing and standard input are lines.",
)
flags.DEFINE_string("encoding", "utf-8", "Encoding of the input: cp1252, for example.")
flags.DEFINE_string("output", None, "Where to write; default: standard output.")
flags.DEFINE_enum(
    "output_format",
    "auto",
    answer_formats.FORMATS,
    "jsonl: an object a line. csv, tsv: a table with a header. auto: what the name of --output "
    "says, else jsonl.",
)
flags.DEFINE_bool("interactive", False, "Answer each line of standard input when it is typed.")
flags.DEFINE_integer("batch_size", 32, "Lines of a batch.", lower_bound=1)
flags.DEFINE_integer(
    "num_threads", None, "For LiteRT and ONNX: threads of the runtime.", lower_bound=1
)
flags.DEFINE_float(
    "temperature",
    None,
    "For a classifier: divide the logits by this number, which --calibration_data finds.",
    lower_bound=0.01,
)
flags.DEFINE_string(
    "calibration_data",
    None,
    "For a classifier: a labelled file to fit the temperature on before anything is answered.",
)
flags.mark_flags_as_required(["model"])


_READING_SETTINGS: dict[str, str] = {}  # what --config.task. says


def _edit_command(argv: list[str]) -> None:
    _READING_SETTINGS.update(app.take_flags(argv, "config.task."))


def main(argv):
    del argv
    app.check_output(FLAGS.output, [FLAGS.input, FLAGS.calibration_data])
    answerer = answerers.load(FLAGS.model, FLAGS.task, FLAGS.num_threads)
    task = rows.for_reading(answerer.task, _reading(), _READING_SETTINGS)
    answerer = dataclasses.replace(answerer, task=task)
    temperature = _temperature(answerer)
    if temperature:
        answerer = _calibrated(answerer, temperature)
    if FLAGS.interactive:
        _converse(answerer)
    elif FLAGS.output:
        _answer_into_file(answerer, temperature)
    else:
        written = _answer_format()
        for window in stream.windows(_lines(answerer), FLAGS.batch_size):
            for line in _answer(answerer, window, written):
                print(line)
            sys.stdout.flush()


def _reading() -> records.Reading:
    return records.Reading(FLAGS.input_format, FLAGS.encoding)


def _lines(answerer):
    return rows.read(FLAGS.input, answerer.task, _reading(), _READING_SETTINGS)


def _answer_format(num_done: int = 0) -> answer_formats.AnswerFormat:
    kind = answer_formats.format_of(FLAGS.output_format, FLAGS.output)
    return answer_formats.AnswerFormat(kind, with_header=not num_done)


def _answer(answerer, window, written: answer_formats.AnswerFormat) -> list[str]:
    name = FLAGS.input or STANDARD_INPUT
    answers = stream.answer_window(answerer, window, FLAGS.batch_size, name)
    return written.lines(answers, [line.number for line in window])


def _answer_into_file(answerer, temperature: float | None) -> None:
    settings = {
        "model": FLAGS.model,
        "model_written": answerers.time_written(FLAGS.model),
        "task": FLAGS.task,
        "input": FLAGS.input,
        "temperature": temperature,
        "formats": [FLAGS.input_format, FLAGS.encoding, FLAGS.output_format],
        "settings": _READING_SETTINGS,
    }
    lines, digest = _lines(answerer), hashlib.sha256()
    with AnswersFile(FLAGS.output, settings) as file:
        done = file.num_lines
        written = _answer_format(done)
        if done:
            _skip(lines, file, digest)
        with progress.bar(unit="lines", description="predicting", initial=done) as bar:
            for window in stream.windows(lines, FLAGS.batch_size):
                _add(digest, window)
                file.write(_answer(answerer, window, written), digest.hexdigest())
                bar.update(len(window))


def _skip(lines, file: AnswersFile, digest) -> None:
    """Reads the lines that are answered already; ValueError if they are not those."""
    _add(digest, itertools.islice(lines, file.num_lines))
    if digest.hexdigest() != file.input_sha256:
        raise ValueError(
            f"{FLAGS.output}.part was begun with other input. Remove it, or choose another "
            "--output."
        )
    print(f"continuing after {file.num_lines} lines", file=sys.stderr)


def _add(digest, lines) -> None:
    for line in lines:
        digest.update(line.text.encode() + b"\n")


def _converse(answerer) -> None:
    """One answer after each line, until the input ends or an empty line; mistakes do not end it."""
    if _reading().kind(None) != records.LINES:
        raise ValueError("--interactive reads lines. Leave out --input_format.")
    print("a line of text, then Enter; an empty line ends", file=sys.stderr, flush=True)
    written = answer_formats.AnswerFormat("jsonl")
    for number, text in enumerate(sys.stdin, start=1):
        text = text.rstrip("\r\n")
        if not text:
            return
        try:
            lines = _answer(answerer, [stream.Line(number, text)], written)
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            continue
        print(lines[0], flush=True)


def _temperature(answerer) -> float | None:
    """--temperature, or what --calibration_data says, which is told on standard error."""
    if FLAGS.temperature and FLAGS.calibration_data:
        raise ValueError("--temperature or --calibration_data, not both.")
    if not FLAGS.temperature and not FLAGS.calibration_data:
        return None
    answerer.task.check_has_temperature()
    if FLAGS.temperature:
        return FLAGS.temperature
    columns, label_ids = answerer.task.read_calibration(FLAGS.calibration_data)
    rows = []
    for start in range(0, len(label_ids), FLAGS.batch_size):
        part = [column[start : start + FLAGS.batch_size] for column in columns]
        rows.append(answerer.answer(part)["probabilities"])
    found = calibration.fit(np.concatenate(rows), label_ids)
    print(
        f"temperature {found.temperature:.3f} from {found.num_examples} examples; expected "
        f"calibration error {found.error_before:.4f} before, {found.error_after:.4f} after",
        file=sys.stderr,
        flush=True,
    )
    return found.temperature


def _calibrated(answerer, temperature: float):
    def answer(columns):
        outputs = answerer.answer(columns)
        probabilities = calibration.apply(outputs["probabilities"], temperature)
        return {**outputs, "probabilities": probabilities}

    return answerers.Answerer(answerer.task, answer)


if __name__ == "__main__":
    app.run(main, _edit_command)
