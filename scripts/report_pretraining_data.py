"""Measures a data set made by create_pretraining_data.py and shows it on a page.

Writes report.html (self-contained) and report.json into the folder of the data: sizes, lengths,
padding, masks, next-sentence balance, unknown words, use of the vocabulary, and examples as text
with their masks. Memory does not grow with the data.

Example:
    python scripts/report_pretraining_data.py --data=records/train --max_predictions_per_seq=20
"""

import os
from collections.abc import Sequence

from absl import flags

from bert_tf import app, locks

_DATA = flags.DEFINE_string("data", None, "The folder of the data set.", required=True)
_MASKED_LM_PROB = flags.DEFINE_float("masked_lm_prob", 0.15, "As in the config of the training.")
_MAX_PREDICTIONS_PER_SEQ = flags.DEFINE_integer(
    "max_predictions_per_seq",
    None,
    "As in the config of the training. Default: as many as a full row has predictions.",
)
_DO_WHOLE_WORD_MASK = flags.DEFINE_bool(
    "do_whole_word_mask", False, "As in the config of the training."
)
_MAX_NGRAM = flags.DEFINE_integer("max_ngram", 1, "As in the config of the training.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the masks.")
_NUM_WORKERS = flags.DEFINE_integer("num_workers", os.cpu_count() or 1, "Threads.")


def main(argv: Sequence[str]) -> None:
    del argv
    with locks.folder(_DATA.value):
        _report()


def _report() -> None:
    from bert_tf.data.report import measure

    found = measure.measure(
        _DATA.value,
        masked_lm_prob=_MASKED_LM_PROB.value,
        max_predictions_per_seq=_MAX_PREDICTIONS_PER_SEQ.value,
        whole_word=_DO_WHOLE_WORD_MASK.value,
        max_ngram=_MAX_NGRAM.value,
        seed=_SEED.value,
        num_workers=_NUM_WORKERS.value,
    )
    measure.write(_DATA.value, found)
    for check in found["checks"]:
        print(f"{'fine' if check['ok'] else 'LOOK'}  {check['text']}")
    print(f"report: {os.path.join(_DATA.value, measure.HTML)}")


if __name__ == "__main__":
    app.run(main)
