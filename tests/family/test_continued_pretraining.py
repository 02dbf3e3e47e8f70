"""Pretraining goes on from a checkpoint of any member, with its own tokenizer."""

import numpy as np
import pytest

from bert_tf import initial_weights, model_folder, recipes
from bert_tf.models.bert import BertConfig
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.tokenizer import Tokenizer
from tests.conformance.goldens import randomize
from tests.family import cases


@pytest.mark.parametrize("number", range(len(cases.ENCODERS)), ids=cases.ENCODERS)
def test_a_run_begins_with_every_weight_of_the_checkpoint(texts, tmp_path, number):
    encoder = cases.ENCODERS[number]
    mine, other, *_ = np.roll(cases.TOKENIZERS, number)
    tokenizer = Tokenizer.from_folder(str(texts / mine))
    cases.write_config(tmp_path / "config.py", encoder, cases.PRETRAINING)
    config = recipes.recipe(str(tmp_path / "config.py"))
    task = make_task(config, tokenizer)
    model = task.build_model()
    randomize(model)
    model_folder.save(str(tmp_path / "model"), task, model, {})
    # The settings of the run are those of another model: its shape is the checkpoint's.
    config.model = initial_weights.config_of_checkpoint(str(tmp_path / "model"), BertConfig())
    assert config.model.model_type == encoder
    begun = make_task(config, tokenizer).build_model()
    initial_weights.initialize(begun, str(tmp_path / "model"), tokenizer)
    for weight, expected in zip(begun.weights, model.weights, strict=True):
        np.testing.assert_array_equal(weight, expected, err_msg=weight.path)
    with pytest.raises(ValueError, match="has another vocabulary"):
        stranger = Tokenizer.from_folder(str(texts / other))
        initial_weights.initialize(begun, str(tmp_path / "model"), stranger)
