"""Temperature and calibration error against their definitions."""

import numpy as np
import pytest

from bert_tf.tasks.classification import calibration


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def overconfident():
    """Probabilities that say three times the logits of what is true, and labels drawn from that."""
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20_000, 3))
    labels = [generator.choice(3, p=row) for row in softmax(logits)]
    return softmax(3 * logits).astype(np.float32), np.array(labels), logits


def test_the_temperature_that_was_applied_is_found_and_mends_the_probabilities(overconfident):
    probabilities, labels, logits = overconfident
    found = calibration.fit(probabilities, labels)
    assert found.temperature == pytest.approx(3.0, rel=0.05)
    assert found.error_before > 0.1 > 0.02 > found.error_after
    assert found.num_examples == 20_000
    mended = calibration.apply(probabilities, 3.0)
    np.testing.assert_allclose(mended, softmax(logits), atol=1e-4)


def test_no_other_temperature_is_more_likely(overconfident):
    probabilities, labels, _ = overconfident
    best = calibration.fit(probabilities, labels).temperature

    def likelihood(temperature):
        mended = calibration.apply(probabilities, temperature)
        return np.log(mended[np.arange(len(labels)), labels]).mean()

    assert all(likelihood(best) >= likelihood(best * f) - 1e-7 for f in (0.5, 0.97, 1.03, 2))


def test_the_order_of_labels_stays_and_zeros_do_no_harm():
    rows = np.array([[1.0, 0.0, 0.0], [0.5, 0.3, 0.2]], np.float32)
    mended = calibration.apply(rows, 2.0)
    assert np.isfinite(mended).all() and (mended.argmax(-1) == 0).all()
    np.testing.assert_allclose(mended.sum(-1), 1.0, atol=1e-6)
    expected = np.sqrt(rows[1]) / np.sqrt(rows[1]).sum()
    np.testing.assert_allclose(mended[1], expected, atol=1e-6)
    assert np.isfinite(calibration.fit(rows, np.array([0, 2])).temperature)


def test_the_error_is_the_gap_of_confidence_and_accuracy_in_each_bin():
    # Two in the bin of 0.9 of which one is right, one in that of 0.55 which is right.
    rows = np.array([[0.9, 0.1], [0.9, 0.1], [0.45, 0.55]])
    error = calibration.calibration_error(rows, np.array([0, 1, 1]))
    assert error == pytest.approx((2 * abs(0.9 - 0.5) + abs(0.55 - 1.0)) / 3)
