"""The objectives by name. An objective cuts a corpus into examples."""

import functools

from bert_tf.data.examples import OBJECTIVES
from bert_tf.data.examples.full_sentences import FullSentences
from bert_tf.data.examples.next_sentence import NextSentence
from bert_tf.data.examples.objective import Objective
from bert_tf.data.examples.sentence_order import SentenceOrder
from bert_tf.data.records.manifest import Manifest
from bert_tf.tokenization.row_layout import RowLayout

_CLASSES = dict(zip(OBJECTIVES, (NextSentence, SentenceOrder, FullSentences), strict=True))


def make_objectives(wanted: Manifest, layout: RowLayout) -> list[Objective]:
    """Makes the objective for each copy of the corpus from the settings of a manifest.

    Args:
      wanted: the manifest so far: its settings.
      layout: the row layout.

    Raises:
      ValueError: a setting is out of range.
    """
    crossing = {"cross_documents": wanted.cross_documents} if wanted.objective == "none" else {}
    make = functools.partial(
        _CLASSES[wanted.objective],
        layout=layout,
        max_seq_length=wanted.max_seq_length,
        short_seq_prob=wanted.short_seq_prob,
        seed=wanted.seed,
        **crossing,
    )
    return [make(copy=copy) for copy in range(wanted.dupe_factor)]
