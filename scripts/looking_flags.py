"""The flags that say what an error analysis shows. This is no script."""

from absl import flags

FLAGS = flags.FLAGS
flags.disclaim_key_flags()  # --help of the script that calls `define` shows them as its own


def define(compare: str, coloured: int) -> None:
    """Defines the flags, as if they stood in the script.

    Args:
      compare: the help of --compare.
      coloured: the default of --coloured_mistakes.
    """
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
    flags.DEFINE_integer(
        "coloured_mistakes",
        coloured,
        "On the report page: of so many of the most confident mistakes of a set, the words are "
        "coloured by their part in the answer. Each takes as long as about 15 answers.",
        lower_bound=0,
    )


def looking(**more):
    """The `Looking` that the flags say."""
    from bert_tf.tasks.error_analysis import Looking

    return Looking(
        tuple(FLAGS.slice_words),
        tuple(FLAGS.slice_columns),
        FLAGS.compare,
        coloured=FLAGS.coloured_mistakes,
        **more,
    )
