"""A model of ours, in any form, as a contestant of `benchmark.serve`."""

from typing import Any

import tensorflow as tf

from benchmarks import answering
from bert_tf.inference import answerers


def make_round(settings: dict[str, Any]):
    """See `answering.make_round`."""
    threads = settings["num_threads"]
    tf.config.threading.set_intra_op_parallelism_threads(threads)

    def load():
        answerer = answerers.load(settings["model"], settings["task"], threads)

        def answer(columns):
            labels = answerer.answer(columns).get("label")
            return [None] * len(columns[0]) if labels is None else [x.decode() for x in labels]

        return answer

    return answering.make_round(settings, load)
