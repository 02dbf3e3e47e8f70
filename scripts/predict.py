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
    "One of " + ", ".join(known_tasks()) + "; the default is what the model was trained "
    "for. embed: one vector a text from any model (that of sentence-transformers where its folder "
    "says how; else mean over the tokens, length 1).",
)
flags.DEFINE_string("input", None, "A file of texts or a table; default: standard input.")
reading_flags.define(
    labelled.FORMATS,
    "How the input is read: lines, or a table in this format. auto: the name says it; a name that "
    "says nothing and standard input are lines.",
    "the input",
)
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
