"""Model Garden's own encoders and pretrainer against what bert_tf makes of their checkpoints.

Keras 3 stays out of this process: `other_side` runs in another.
"""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from official.modeling import hyperparams
from official.nlp.configs import electra, encoders
from official.nlp.modeling import layers, models, networks
from official.nlp.tasks import electra_task

INPUTS = {
    "input_ids": [[2, 5, 6, 9, 3, 15, 3], [2, 12, 19, 3, 0, 0, 0]],
    "input_mask": [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]],
    "segment_ids": [[0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 0]],
}
SHAPE = {
    "vocab_size": 24,
    "hidden_size": 16,
    "num_layers": 2,
    "num_attention_heads": 4,
    "inner_dim": 20,
    "max_sequence_length": 12,
    "type_vocab_size": 2,
}
CASES = (
    "functional",
    "v2",
    "functional_pretrainer",
    "v2_pretrainer",
    "relu",
    "v2_relu",
    "albert",
    "albert_pretrainer",
    "electra_small",
    "electra_base",
)


def relu_config(case):
    """An encoder as Model Garden's experiments describe it."""
    sizes = {**SHAPE, "intermediate_size": SHAPE["inner_dim"]}
    sizes["max_position_embeddings"] = sizes.pop("max_sequence_length")
    del sizes["inner_dim"]
    bert = encoders.BertEncoderConfig(
        **sizes, hidden_activation="relu", return_all_encoder_outputs=True
    )
    kind = "bert_v2" if case.startswith("v2") else "bert"
    return encoders.EncoderConfig(**{"type": kind, kind: bert})


def albert_config():
    """An ALBERT as Model Garden's experiments describe it; nothing else says how deep it is."""
    sizes = {**SHAPE, "intermediate_size": SHAPE["inner_dim"], "embedding_width": 8}
    sizes["max_position_embeddings"] = sizes.pop("max_sequence_length")
    del sizes["inner_dim"]
    albert = encoders.AlbertEncoderConfig(**{**sizes, "num_layers": 3})
    return encoders.EncoderConfig(type="albert", albert=albert)


def electra_config(case):
    """An ELECTRA as Model Garden's experiments describe it; in small, embeddings are narrower."""
    sizes = {**SHAPE, "intermediate_size": SHAPE["inner_dim"]}
    sizes["max_position_embeddings"] = sizes.pop("max_sequence_length")
    del sizes["inner_dim"]
    width = {"electra_small": 8}.get(case)
    encoder_configs = {}
    for name, num_layers in (("generator_encoder", 1), ("discriminator_encoder", 2)):
        bert = encoders.BertEncoderConfig(
            **{**sizes, "num_layers": num_layers}, embedding_size=width
        )
        encoder_configs[name] = encoders.EncoderConfig(type="bert", bert=bert)
    return electra.ElectraPretrainerConfig(
        num_masked_tokens=7,
        sequence_length=7,
        tie_embeddings=case != "electra_base",
        **encoder_configs,
    )


def make_model(case):
    """The model, with the attribute under which Model Garden saves it."""
    if case.startswith("electra"):
        return electra_task._build_pretrainer(electra_config(case)), "model"
    if case.endswith("relu"):
        return encoders.build_encoder(relu_config(case)), "encoder"
    if case.startswith("albert"):
        encoder = encoders.build_encoder(albert_config())
    elif case.startswith("functional"):
        encoder = networks.BertEncoder(**SHAPE, dict_outputs=True)
    else:
        encoder = networks.BertEncoderV2(**SHAPE)
    if not case.endswith("pretrainer"):
        return encoder, "encoder"
    head = layers.ClassificationHead(
        inner_dim=16, num_classes=2, dropout_rate=0.1, name="next_sentence"
    )
    pretrainer = models.BertPretrainerV2(
        encoder_network=encoder,
        classification_heads=[head],
        mlm_activation=lambda x: tf.nn.gelu(x, approximate=True),
    )
    return pretrainer, "model"


def call(model):
    """Its outputs by our names."""
    names = {"input_ids": "word_ids", "input_mask": "mask", "segment_ids": "type_ids"}
    batch = {f"input_{names[key]}": tf.constant(value) for key, value in INPUTS.items()}
    batch["masked_lm_positions"] = tf.constant([list(range(7))] * 2)
    if isinstance(model, models.ElectraPretrainer):
        return call_discriminator(model, batch)
    if not isinstance(model, models.BertPretrainerV2):
        del batch["masked_lm_positions"]
    outputs = model(batch)
    found = {"sequence_output": outputs["sequence_output"]}
    found["blocks"] = tf.stack(outputs["encoder_outputs"])
    if "mlm_logits" in outputs:
        found["masked_lm_logits"] = outputs["mlm_logits"]
        found["next_sentence_logits"] = outputs["next_sentence"]
    else:
        found["pooled_output"] = outputs["pooled_output"]
    return {name: value.numpy() for name, value in found.items()}


def call_discriminator(model, batch):
    """Its outputs by our names; no token is replaced. The whole model is built, too."""
    model({**batch, "masked_lm_ids": tf.zeros([2, 7], tf.int32)})
    inputs = [batch[f"input_{name}"] for name in ("word_ids", "mask", "type_ids")]
    network = model.discriminator_network
    outputs = network(inputs if isinstance(network, networks.BertEncoder) else batch)
    sequence = outputs["sequence_output"]
    logits = model.discriminator_head(model.discriminator_projection(sequence))
    return {"sequence_output": sequence.numpy(), "logits": logits[..., 0].numpy()}


def randomize(model):
    random = np.random.default_rng(0)
    for weight in model.weights:
        centre = 1.0 if "gamma" in weight.name else 0.0
        weight.assign(random.normal(centre, 0.3, weight.shape))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """{case: (folder, model)}, after the other side has been there."""
    made = {}
    for case in CASES:
        folder = tmp_path_factory.mktemp(case)
        model, name = make_model(case)
        call(model)
        randomize(model)
        tf.train.Checkpoint(**{name: model}).save(str(folder / "ckpt"))
        if case.endswith("relu") or case.startswith("albert"):
            config = albert_config() if case.startswith("albert") else relu_config(case)
            hyperparams.save_params_dict_to_yaml(config, str(folder / "params.yaml"))
        np.savez(folder / "inputs.npz", **INPUTS)
        tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnop"]
        (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
        made[case] = (folder, model)
    command = [sys.executable, "-m", "tests.garden.other_side"]
    command += [str(folder) for folder, _ in made.values()]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr[-3000:]
    return made


@pytest.mark.parametrize("case", CASES)
def test_every_output_is_model_gardens(folders, case):
    folder, model = folders[case]
    found = dict(np.load(folder / "outputs.npz"))
    found["blocks"] = found["hidden_states"][1:]
    for name, expected in call(model).items():
        np.testing.assert_allclose(found[name], expected, atol=1e-5, rtol=0, err_msg=name)


def check_discriminator(model, other):
    """All weights of the discriminator but those of the pooler are the same."""
    for one, two in (
        (model.discriminator_network, other.discriminator_network),
        (model.discriminator_projection, other.discriminator_projection),
        (model.discriminator_head, other.discriminator_head),
    ):
        pairs = [p for p in zip(one.weights, two.weights, strict=True) if "pooler" not in p[0].name]
        assert pairs
        for expected, weight in pairs:
            np.testing.assert_array_equal(weight.numpy(), expected.numpy(), err_msg=weight.name)


@pytest.mark.parametrize("case", CASES)
def test_model_garden_restores_what_bert_tf_writes_bit_for_bit(folders, case):
    folder, model = folders[case]
    other, name = make_model(case)
    call(other)
    status = tf.train.Checkpoint(**{name: other}).read(str(folder / "back" / "bert_model.ckpt"))
    if case.startswith("electra"):
        status.expect_partial()  # neither the generator nor poolers are written
        return check_discriminator(model, other)
    status.assert_consumed()
    for expected, weight in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected.numpy(), err_msg=weight.name)
