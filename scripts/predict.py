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
pretrained model fills each [MASK]. An encoder gives a vector for each text. A tagger gives
entities, a question-answering model the answer, both with their characters in the text
[start, end).

In a table (.tsv, .csv, .jsonl, also compressed, or .parquet), the texts are in the columns of the
training file. The answer repeats all columns; a COLUMN that the answer itself has is repeated as
given_COLUMN. For other columns, set --config.task.text_column=review, or a template such as
--config.task.text_column='{title}: {body}', and --config.task.text_pair_column for pairs. A
question-answering model takes the columns question and context; the answer omits the context.

In other files, and in standard input, each line is a text. For a classifier of pairs, a line has
two texts with a tab between them. For a question-answering model, it is a JSON object with question
and context.

Input of any size is read, answered and written in parts. With --output, run the same command again
to continue a killed run.
"""

import reading_flags
from absl import flags

from bert_tf import app
from bert_tf.data import labelled
from bert_tf.inference import answer_formats, known_tasks

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "The model that answers; see above.")
flags.DEFINE_string(
    "task",
    None,
    "One of " + ", ".join(known_tasks()) + "; the default is the task of the model. embed: one "
    "vector per text, from any model (as in sentence-transformers if the folder has its settings; "
    "otherwise the mean of the tokens, with length 1).",
)
flags.DEFINE_string("input", None, "A file of texts or a table; default: standard input.")
reading_flags.define(
    labelled.FORMATS,
    "Format of the input: lines, or a table in this format. auto: the name tells the format; other "
    "names and standard input are lines.",
    "the input",
)
flags.DEFINE_string("output", None, "Where to write; default: standard output.")
flags.DEFINE_enum(
    "output_format",
    "auto",
    answer_formats.FORMATS,
    "jsonl: one object a line. csv, tsv: a table with a header. auto: the extension of --output "
    "decides; jsonl for other names.",
)
flags.DEFINE_bool("interactive", False, "Answer each line of standard input immediately.")
flags.DEFINE_integer("batch_size", 32, "Lines of a batch.", lower_bound=1)
flags.DEFINE_integer(
    "num_threads", None, "For LiteRT and ONNX: threads of the runtime.", lower_bound=1
)
flags.DEFINE_float(
    "temperature",
    None,
    "For a classifier: divide the logits by this number; --calibration_data can fit it.",
    lower_bound=0.01,
)
flags.DEFINE_string(
    "calibration_data",
    None,
    "For a classifier: a labelled file; the temperature is fitted on it before the first answer.",
)
flags.mark_flags_as_required(["model"])


def main(argv):
    del argv
    from bert_tf.inference import answerers
    from bert_tf.workflows import predicting

    app.check_output(FLAGS.output, [FLAGS.input, FLAGS.calibration_data])
    source = predicting.Source(FLAGS.input, reading_flags.reading(), reading_flags.SETTINGS)
    answerer = answerers.load(FLAGS.model, FLAGS.task, FLAGS.num_threads)
    answerer = predicting.for_source(answerer, source)
    temperature = _temperature(answerer)
    if temperature:
        answerer = predicting.calibrated(answerer, temperature)
    kind = answer_formats.format_of(FLAGS.output_format, FLAGS.output)
    if FLAGS.interactive:
        predicting.converse(answerer, source, FLAGS.batch_size)
    elif FLAGS.output:
        settings = {
            "model": FLAGS.model,
            "model_files": answerers.files_of(FLAGS.model),
            "task": FLAGS.task,
            "input": FLAGS.input,
            "temperature": temperature,
            "formats": [FLAGS.input_format, FLAGS.encoding, FLAGS.output_format],
            "settings": reading_flags.SETTINGS,
        }
        file = predicting.Output(FLAGS.output, kind, settings)
        predicting.answer_into_file(answerer, source, file, FLAGS.batch_size)
    else:
        predicting.print_answers(answerer, source, kind, FLAGS.batch_size)


def _temperature(answerer) -> float | None:
    """--temperature, or what --calibration_data says."""
    from bert_tf.workflows import predicting

    if FLAGS.temperature and FLAGS.calibration_data:
        raise ValueError("--temperature or --calibration_data, not both.")
    if FLAGS.calibration_data:
        return predicting.fitted_temperature(answerer, FLAGS.calibration_data, FLAGS.batch_size)
    if FLAGS.temperature:
        answerer.task.check_has_temperature()
    return FLAGS.temperature


if __name__ == "__main__":
    app.run(main, reading_flags.take_settings)
