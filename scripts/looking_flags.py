"""The flags that say what an error analysis shows. This is no script."""

from absl import flags

FLAGS = flags.FLAGS
flags.disclaim_key_flags()  # --help of the script that calls `define` shows them as its own


def define(compare: str) -> None:
    """Defines the flags, as if they stood in the script; `compare` is the help of --compare."""
    flags.DEFINE_list(
        "slice_words",
        [],
        "On the report page: the scores of the rows that hold each of these words, and of those "
        "that do not.",
    )
    flags.DEFINE_list(
        "slice_columns",
        [],
        "On the report page: the scores for each value of these columns of the file.",
    )
    flags.DEFINE_string("compare", "", compare)


def looking(**more):
    """The `Looking` that the flags say."""
    from bert_tf.tasks.error_analysis import Looking

    return Looking(tuple(FLAGS.slice_words), tuple(FLAGS.slice_columns), FLAGS.compare, **more)
