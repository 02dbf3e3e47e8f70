"""Training aware of int8: its ranges, a killed run, and what becomes of its model."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.config import experiment, quantization
from bert_tf.inference import answerers
from bert_tf.layers.quantization import is_range, layers_with_ranges
from bert_tf.tasks import classification
from bert_tf.training.loop import Session
from bert_tf.workflows import exporting, finetuning
from tests.devices import strategy_of

_FOLDER = pathlib.Path(__file__).parents[1] / "testdata" / "hugging_face" / "finetuning"
TEXTS = ["a moving film", "a waste of time", "it is"]


def tune(folder, on_evaluation=None, replicas=1, **settings):
    """A run of four steps; returns the weights of its model by path."""
    config = experiment.ExperimentConfig(
        data=experiment.DataConfig(max_seq_length=16, max_train_examples=64),
        task=classification.Config(),
        optimizer=experiment.OptimizerConfig(learning_rate=1e-4, warmup_proportion=0.25),
        train=experiment.TrainConfig(
            global_batch_size=8,
            num_train_steps=4,
            steps_per_loop=1,
            checkpoint_every=1,
            eval_every=2,
        ),
        quantization=quantization.QuantizationConfig(
            **{"bits": 8, "calibration_rows": 16, "largest_error": 1.0, **settings}
        ),
    )
    trained = finetuning.finetune(
        config,
        train_data=str(_FOLDER / "train.tsv"),
        work_dir=str(folder),
        init_checkpoint=str(_FOLDER / "start"),
        session=Session(strategy_of(replicas), on_evaluation=on_evaluation),
    )
    return {weight.path: weight.numpy() for weight in trained.model.weights}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """(work directory, weights) of a whole run."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, tune(folder)


def test_every_dense_layer_has_ranges_and_they_are_trained(unbroken):
    folder, weights = unbroken
    task, model = model_folder.load(str(folder / "model"))
    layers = layers_with_ranges(model)
    assert len(layers) > 4 and task.config.quantization.is_on
    for layer in layers:
        for end in layer.ranges.both:
            low, high = end.numpy()
            assert low <= 0 <= high and low < high
            np.testing.assert_array_equal(end.numpy(), weights[end.path])
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert all(np.isfinite(line["loss"]) for line in metrics if "loss" in line)


def test_a_killed_run_ends_with_the_same_weights_and_ranges_bit_for_bit(unbroken, tmp_path):
    def kill(step, values):
        del values
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(tmp_path, kill)
    weights = tune(tmp_path)
    expected = unbroken[1]
    assert weights.keys() == expected.keys() and any(map(is_range, weights))
    for path, array in weights.items():
        np.testing.assert_array_equal(array, expected[path], err_msg=path)


def test_the_model_is_exported_with_its_own_ranges(unbroken, tmp_path):
    folder = str(unbroken[0] / "model")
    exporting.export_model(folder, str(tmp_path / "int8"), format="litert", precision="int8")
    task, model = model_folder.load(folder)
    texts = [tf.constant(TEXTS)] * 2
    expected = task.decode(model(task.encode(*texts)), {})["probabilities"]
    found = answerers.load(str(tmp_path / "int8")).answer([TEXTS] * 2)["probabilities"]
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_training_for_int8_from_random_weights_is_refused():
    config = experiment.ExperimentConfig(quantization=quantization.QuantizationConfig(bits=8))
    with pytest.raises(ValueError, match="quantization.bits is 8, but the run starts from random"):
        finetuning.check_quantization(config, None)
    config.quantization.bits = 4
    with pytest.raises(ValueError, match="quantization.bits is 4; expected one of 0, 8"):
        config.quantization.check()
