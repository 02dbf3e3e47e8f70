"""Every row counts once, whatever the batches are."""

import pytest

from bert_tf.data.records.manifest import Manifest
from bert_tf.training.evaluate import Evaluator
from tests.devices import strategy_of


@pytest.mark.parametrize(("replicas", "sizes"), [(1, (7, 64)), (2, (16, 128))])
def test_the_batch_size_does_not_change_the_result(make_run, records, replicas, sizes):
    task, _ = make_run(dropout=0.1)
    strategy = strategy_of(replicas)
    with strategy.scope():
        model = task.build_model()
    reference, values = (
        Evaluator(task, model, strategy, size).run_with_rows(records)[0] for size in sizes
    )
    assert values == pytest.approx(reference, rel=1e-5)


def test_the_number_of_predictions_is_that_of_the_data(make_run, records):
    """Next-sentence weights add up to the rows of the manifest."""
    from bert_tf.data.batches.order import BatchSlice

    task, _ = make_run()
    rows = Manifest.load(records).rows
    assert rows % 16
    weights = [
        float(task.loss_weights(batch)["next_sentence_loss"])
        for batch in task.make_dataset(records, BatchSlice(16), training=False)
    ]
    assert sum(weights) == rows


def test_the_share_of_masks_in_training_does_not_change_the_evaluation(make_run, records):
    """Runs with other shares are compared on the same masks."""
    from bert_tf.data.batches.order import BatchSlice

    def masked(share, training):
        task, config = make_run()
        config.task.masked_lm_prob = share
        batches = task.make_dataset(records, BatchSlice(16), training=training).take(4)
        return [float(task.loss_weights(batch)["masked_lm_loss"]) for batch in batches]

    assert masked(0.05, training=True) != masked(0.15, training=True)
    assert masked(0.05, training=False) == masked(0.15, training=False)
