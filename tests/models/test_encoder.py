"""What encoders share, on one whose blocks share their weights and which has no segments."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers.dense import LayerNorm
from bert_tf.layers.transformer import TransformerBlock
from bert_tf.models.bert import BertConfig, BertEncoder
from bert_tf.models.encoder import Encoder
from bert_tf.models.model import EncoderConfig
from bert_tf.tasks.task_model import encoder_inputs

IDS = tf.constant([[3, 4, 5, 0], [6, 7, 0, 0]])
MASK = tf.constant([[1, 1, 1, 0], [1, 1, 0, 0]])


@dataclasses.dataclass
class Config(EncoderConfig):
    vocab_size: int = 10
    hidden_size: int = 8
    num_hidden_layers: int = 3
    num_attention_heads: int = 2
    intermediate_size: int = 16
    initializer_range: float = 0.02
    longest_sequence: int = 16
    hidden_dropout_prob: float = 0.1
    inputs = ("input_ids", "input_mask")
    AT_LEAST_ONE = ("num_hidden_layers",)


class SharedEncoder(Encoder):
    """One block three times, and a norm at the end."""

    def __init__(self, config, **kwargs):
        super().__init__(config, name="shared", **kwargs)
        self.embeddings = keras.layers.Embedding(10, 8, name="embeddings")
        self.embeddings.build()
        block = TransformerBlock(
            hidden_size=8, num_attention_heads=2, intermediate_size=16, name="block"
        )
        self.blocks = [block] * config.num_hidden_layers
        self.norm = LayerNorm(name="norm")
        self.norm.build((None, None, 8))
        self.build()

    def embed(self, inputs, dropout_seed):
        return self.embeddings(inputs["input_ids"])

    def finish(self, hidden_BSD):
        return self.norm(hidden_BSD)


def test_the_parts_hold_every_variable_once_in_order_of_depth():
    for encoder, kinds in (
        (SharedEncoder(Config()), ["embeddings", "block", "top"]),
        (
            BertEncoder(BertConfig(hidden_size=8, num_attention_heads=2, num_hidden_layers=2)),
            ["embeddings", "block", "block", "pooler"],
        ),
    ):
        assert [part.kind for part in encoder.parts] == kinds
        of_parts = [variable.path for part in encoder.parts for variable in part.variables]
        assert sorted(of_parts) == sorted(variable.path for variable in encoder.variables)


def test_blocks_that_share_their_variables_are_one_part():
    sizes = [len(part.variables) for part in SharedEncoder(Config()).parts]
    assert sizes == [1, 16, 2]


def test_the_last_hidden_states_are_the_output():
    outputs = SharedEncoder(Config())(IDS, MASK, output_hidden_states=True)
    assert len(outputs["hidden_states"]) == 4
    np.testing.assert_array_equal(outputs["hidden_states"][-1], outputs["sequence_output"])
    assert "pooled_output" not in outputs


def test_blocks_that_share_weights_have_the_same_gradients_when_they_are_computed_again():
    def gradients(recompute):
        keras.utils.set_random_seed(1)
        encoder = SharedEncoder(Config(), recompute=recompute)
        with tf.GradientTape() as tape:
            outputs = encoder(IDS, MASK, dropout_seed=tf.constant([1, 2]))
            loss = tf.reduce_sum(outputs["sequence_output"] ** 3)
        return tape.gradient(loss, [weight.value for weight in encoder.parts[1].variables])

    for once, again in zip(gradients(False), gradients(True), strict=True):
        np.testing.assert_allclose(again, once, rtol=1e-4, atol=1e-5)


def test_a_batch_is_cut_to_what_the_encoder_takes():
    batch = {"input_ids": IDS, "segment_ids": IDS, "input_mask": MASK, "label_ids": IDS}
    assert list(encoder_inputs(batch, Config())) == ["input_ids", "input_mask"]
    assert list(encoder_inputs(batch, BertConfig())) == ["input_ids", "input_mask", "segment_ids"]


def test_a_config_of_another_encoder_comes_back_with_its_model_type(tmp_path):
    path = tmp_path / Config.CONFIG_FILE
    path.write_text(Config(hidden_size=4).to_json())
    assert f'"model_type": "{__name__}"' in path.read_text()
    assert Config.from_json(str(path)) == Config(hidden_size=4)
    path.write_text(path.read_text().replace(__name__, "bert"))
    with pytest.raises(ValueError, match="model_type is 'bert'; expected"):
        Config.from_json(str(path))


def test_a_file_of_another_project_is_refused_by_a_config_that_reads_none(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"vocab_size": 3}')
    with pytest.raises(ValueError, match="no format_version.*cannot read files of other projects"):
        Config.from_json(str(path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0; expected at least 1"),
        ({"hidden_dropout_prob": 1.0}, "hidden_dropout_prob is 1.0; expected less than 1"),
        ({"hidden_size": "8"}, "hidden_size is '8'; expected a whole number"),
    ],
)
def test_the_fields_of_every_config_are_checked(changes, message):
    with pytest.raises(ValueError, match=f"model: {message}"):
        dataclasses.replace(Config(), **changes).check("model")
