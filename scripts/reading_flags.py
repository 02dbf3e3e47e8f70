"""The flags and settings of the commands that read files of labelled texts. This is no script."""

from collections.abc import Sequence

from absl import flags

from bert_tf import app
from bert_tf.data import labelled

FLAGS = flags.FLAGS
flags.disclaim_key_flags()  # --help of the script that calls `define` shows them as its own

SETTINGS: dict[str, str] = {}  # what --config.task. says, where a model has its own config


def define(formats: Sequence[str], how: str, what: str) -> None:
    """Defines --input_format and --encoding, as if they stood in the script.

    Args:
      formats: the values of --input_format.
      how: help of --input_format.
      what: which files have the encoding.
    """
    flags.DEFINE_enum("input_format", "auto", formats, how)
    flags.DEFINE_string("encoding", "utf-8", f"Encoding of {what}: cp1252, for example.")


def define_for_scoring() -> None:
    """Defines them, and --header, for a script that scores models on a labelled file."""
    flags.DEFINE_list(
        "header",
        [],
        "Names of the columns, if the file has no header line and the training file had one.",
    )
    define(
        labelled.FORMATS[:1] + labelled.KINDS,
        "How the file is read: a table in this format, whatever its name. auto: the name says it.",
        "the file",
    )


def take_settings(argv: list[str]) -> None:
    """Takes --config.task. out of the command line, before the flags are parsed."""
    SETTINGS.clear()
    SETTINGS.update(app.take_flags(argv, "config.task."))


def reading():
    """The `Reading` that the flags say."""
    from bert_tf.data.labelled.records import Reading

    return Reading(FLAGS.input_format, FLAGS.encoding)
