"""Fine-tuning from texts to losses: as transformers on torch, and the same with batches by length.

The stored side is made by scripts/development/make_hugging_face_goldens.py.
"""

import dataclasses
import json
import pathlib

import numpy as np
import pytest

from bert_tf import initial_weights, model_folder
from bert_tf.config import experiment
from bert_tf.data.batches.length_buckets import BucketedRows
from bert_tf.tasks import classification
from bert_tf.tasks.classification import prepare
from bert_tf.tasks.task import make_task
from bert_tf.training.loop import Session, train
from tests.devices import strategy_of

_FOLDER = pathlib.Path(__file__).parents[1] / "testdata" / "hugging_face" / "finetuning"
_START = str(_FOLDER / "start")
_STORED = json.loads((_FOLDER / "losses.json").read_text())


def config_of(recipe, **data):
    return experiment.ExperimentConfig(
        model=initial_weights.config_of_checkpoint(
            _START, experiment.BertConfig(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        ),
        data=experiment.DataConfig(max_seq_length=recipe["max_seq_length"], dev_fraction=0, **data),
        task=classification.Config(classifier_dropout_prob=0.0),
        optimizer=experiment.OptimizerConfig(
            learning_rate=recipe["learning_rate"],
            warmup_proportion=recipe["num_warmup_steps"] / recipe["num_train_steps"],
            weight_decay=recipe["weight_decay"],
            epsilon=recipe["epsilon"],
            clip_norm=recipe["clip_norm"],
            bias_correction=True,
        ),
        train=experiment.TrainConfig(
            global_batch_size=recipe["batch_size"],
            num_train_steps=recipe["num_train_steps"],
            steps_per_loop=1,
            checkpoint_every=0,
            seed=recipe["seed"],
        ),
    )


def losses_of(config, folder, replicas=1):
    """The loss of every step."""
    tokenizer = model_folder.load_tokenizer(_START)
    data = prepare.prepare(config, prepare.Files(str(_FOLDER / "train.tsv")), tokenizer)
    train(
        make_task(config, tokenizer, data.facts),
        config,
        train_data=data.train.arrays,
        work_dir=str(folder),
        initialize=initial_weights.initializer(_START, tokenizer),
        session=Session(strategy_of(replicas)),
    )
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def test_the_first_50_losses_are_those_of_transformers(tmp_path):
    losses = losses_of(config_of(_STORED["recipe"]), tmp_path)
    assert len(_STORED["losses"]) == 50
    assert np.ptp(_STORED["losses"]) > 0.05  # they do move
    np.testing.assert_allclose(losses, _STORED["losses"], atol=1e-4)


def test_batches_by_length_lose_the_same_uncut_and_on_any_layout(tmp_path, monkeypatch):
    """Without dropout the padding that is cut off, and who computes what, change nothing."""
    recipe = {**_STORED["recipe"], "num_train_steps": 6}
    config = config_of(recipe, widths=(32, 48, 64))
    config.train = dataclasses.replace(config.train, num_micro_batches=2)
    cut = losses_of(config, tmp_path / "cut", replicas=2)
    take = BucketedRows.batch
    monkeypatch.setattr(BucketedRows, "batch", lambda *args: (take(*args)[0], 2))  # the last width
    uncut = losses_of(config_of(recipe, widths=(32, 48, 64)), tmp_path / "uncut")
    assert cut == pytest.approx(uncut, rel=1e-5)
