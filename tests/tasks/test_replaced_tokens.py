"""Replaced tokens against NumPy: what is sampled, what counts as replaced, losses and their
gradients; the folders that a run leaves."""

import dataclasses
import math

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf

from bert_tf import initial_weights, model_folder
from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.config.experiment import DataConfig, ExperimentConfig
from bert_tf.data.masks.masking import Masker
from bert_tf.models import bert, distilbert, electra
from bert_tf.tasks import classification, replaced_tokens
from bert_tf.tasks.replaced_tokens import scores
from bert_tf.tasks.replaced_tokens.sampling import sample
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from bert_tf.training import flops
from bert_tf.training.optimizers.places import places_of
from tests.conformance.goldens import randomize
from tests.tasks.electra_in_numpy import losses_and_gradients

TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *"abcdefghijklmnopqrstuvwxyz"]))
ROWS, LENGTH, SLOTS, VOCABULARY = 4, 12, 3, len(TOKENIZER)


def make(**task):
    config = ExperimentConfig(
        model=electra.Config(
            vocab_size=VOCABULARY,
            embedding_size=8,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=LENGTH,
        ),
        data=DataConfig(max_seq_length=LENGTH),
        task=replaced_tokens.Config(max_predictions_per_seq=SLOTS, **task),
    )
    return make_task(config.check(), TOKENIZER)


@pytest.fixture(scope="module")
def task():
    return make()


@pytest.fixture(scope="module")
def model(task):
    model = task.build_model()
    randomize(model)
    bias = model.masked_lm.output_bias
    bias.assign(bias + 3.0 * (np.arange(VOCABULARY) < 9))  # of what is in the batch
    return model


@pytest.fixture(scope="module")
def batch():
    """Masked rows of several lengths; the last one only fills up the batch."""
    random = np.random.default_rng(0)
    lengths = np.array([[12], [8], [10], [1]])
    mask = (np.arange(LENGTH) < lengths).astype(np.int32)
    ids = np.where(mask, random.integers(5, 9, (ROWS, LENGTH)), 0).astype(np.int32)
    ids[:, 0] = TOKENIZER.cls_id
    rows = {
        "input_ids": ids,
        "input_mask": mask,
        "segment_ids": np.zeros_like(ids),
    }
    masker = Masker(TOKENIZER, masked_lm_prob=0.3, max_predictions_per_seq=SLOTS, has_draws=True)
    epoch, example = tf.zeros(ROWS, tf.int64), tf.range(ROWS, dtype=tf.int64)
    masked = masker({name: tf.constant(value) for name, value in rows.items()}, epoch, example)
    masked = masker.add_draws(masked, epoch, example)
    return {"original_ids": tf.constant(ids), **masked}


@pytest.fixture(scope="module")
def outputs(model, batch):
    return model(batch)


def test_tokens_are_drawn_with_the_probabilities_of_the_softmax():
    random = np.random.default_rng(0)
    logits = 2 * random.normal(size=(1, 1, 30)).astype(np.float32)
    draws = random.integers(0, 2**24, (1, 100_000, 2), np.int32)
    drawn = sample(np.broadcast_to(logits, (1, 100_000, 30)), tf.constant(draws)).numpy()
    expected = np.exp(logits[0, 0]) / np.exp(logits).sum()
    found = np.bincount(drawn[0], minlength=30) / 100_000
    assert len(found) == 30  # none of what pads the last group
    np.testing.assert_allclose(found, expected, atol=4 * np.sqrt(0.25 / 100_000))


@pytest.mark.parametrize("number", [0, 2**24 - 1])
def test_no_number_draws_a_token_without_probability(number):
    logits = np.full((1, 1, 10), -1e9, np.float32)
    logits[..., 3:5] = 0
    assert sample(logits, tf.fill((1, 1, 2), number)).numpy() in (3, 4)


def test_numbers_belong_to_the_place_in_the_data_not_to_the_batch():
    masker = Masker(TOKENIZER, seed=7, has_draws=True)
    ids = np.zeros((6, LENGTH), np.int32)
    positions = np.random.default_rng(0).integers(0, LENGTH, (6, SLOTS)).astype(np.int32)
    epoch, example = np.arange(6) % 2, np.arange(6, dtype=np.int64) << 40

    def add_draws(part, epoch, example):
        part = {name: tf.constant(values) for name, values in part.items()}
        return masker.add_draws(part, tf.constant(epoch), tf.constant(example))["masked_lm_draws"]

    def draws(rows):
        part = {"input_ids": ids[rows], "masked_lm_positions": positions[rows]}
        return add_draws(part, epoch[rows], example[rows]).numpy()

    rows = np.array([4, 1])
    np.testing.assert_array_equal(draws(rows), draws(np.arange(6))[rows])
    assert len(np.unique(draws(np.arange(6)))) > 2 * 6 * SLOTS - 6  # few places come twice
    packed = {
        "input_ids": np.zeros((1, 2 * LENGTH), np.int32),
        "masked_lm_positions": np.concatenate([positions[2], LENGTH + positions[4]])[None],
        "position_ids": np.tile(np.arange(LENGTH, dtype=np.int32), 2)[None],
        "example_ids": np.repeat(np.array([1, 2], np.int32), LENGTH)[None],
    }
    both = add_draws(packed, epoch[[2]], example[np.newaxis, [2, 4]])
    np.testing.assert_array_equal(both[0], draws(np.array([2, 4])).reshape(2 * SLOTS, 2))


def test_the_discriminator_reads_the_original_text_with_what_was_sampled(outputs, batch, model):
    original, used = batch["original_ids"].numpy(), batch["masked_lm_weights"].numpy() > 0
    filled = original.copy()
    for row, slot in zip(*np.nonzero(used), strict=True):
        filled[row, batch["masked_lm_positions"][row, slot]] = outputs["sampled_ids"][row, slot]
    np.testing.assert_array_equal(outputs["is_replaced"], filled != original)
    assert 0 < outputs["is_replaced"].numpy().sum() < used.sum()  # some are the original token
    alone = model({**{n: batch[n] for n in ("input_mask", "segment_ids")}, "input_ids": filled})
    np.testing.assert_allclose(outputs["logits"], alone["logits"], atol=1e-6)


def test_losses_metrics_and_gradients_are_those_of_numpy(task, outputs, batch):
    logits = {name: tf.Variable(outputs[name]) for name in ("masked_lm_logits", "logits")}
    with tf.GradientTape() as tape:
        sums = task.compute_loss({**outputs, **logits}, batch)
        loss = tf.add_n([total / weight for total, weight in sums.values()])
    found = tape.gradient(loss, logits)
    arrays = {name: np.asarray(value) for name, value in {**outputs, **batch}.items()}
    expected, gradients = losses_and_gradients(arrays, weights=(1.0, 50.0))
    for name, gradient in gradients.items():
        np.testing.assert_allclose(found[name], gradient, atol=1e-6, err_msg=name)
    totals = task.stack({**sums, **task.compute_metrics(outputs, batch)}).numpy()
    values = task.ratios(totals)
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert values["loss"] == pytest.approx(float(loss), rel=1e-6)


def test_only_shared_embeddings_learn_from_both_losses(model, task, batch):
    with tf.GradientTape(persistent=True) as tape:
        losses = task.compute_loss(model(batch), batch)
        terms = {name: total for name, (total, _) in losses.items()}
    weights = {weight.path: weight.value for weight in model.trainable_weights}
    learned = {
        name: {path for path, g in tape.gradient(term, weights).items() if g is not None}
        for name, term in terms.items()
    }
    shared = learned["masked_lm_loss"] & learned["discriminator_loss"]
    assert {path.rpartition("/")[0] for path in shared} == {
        "electra/embeddings",
        "electra/embeddings/LayerNorm",
    }
    generator = {path for path in weights if path.startswith("generator/")}
    assert learned["masked_lm_loss"] == generator | shared
    assert learned["discriminator_loss"] == set(weights) - generator


def test_the_area_under_the_curve_is_that_of_all_pairs():
    random = np.random.default_rng(0)
    labels, weights = random.random(5000) < 0.15, (random.random(5000) < 0.8).astype(np.float32)
    logits = random.normal(size=5000).astype(np.float32) * 3 + labels
    parts = [
        scores.count_scores(*(tf.constant(values[part]) for values in (logits, labels, weights)))
        for part in (slice(0, 1000), slice(1000, None))
    ]
    expected = sklearn.metrics.roc_auc_score(labels, logits, sample_weight=weights)
    assert scores.auc(sum(parts).numpy()) == pytest.approx(expected, abs=1e-3)
    assert scores.auc(np.zeros((scores.NUM_BINS, 2))) == 0.5


def test_a_collapse_is_named():
    task, p = make(), 0.12
    constant = -p * math.log(p) - (1 - p) * math.log(1 - p)
    collapsed = {"replaced": p, "discriminator_loss": constant, "discriminator_auc": 0.5}
    found = task.problem(collapsed)
    assert "its loss is 0.367 (a constant answer: 0.367), its AUC is 0.50" in found
    assert not task.problem({**collapsed, "discriminator_auc": 0.8})
    assert not task.problem({**collapsed, "discriminator_loss": 0.9 * constant})
    assert not task.problem({**collapsed, "replaced": 0.0})


def test_generators_have_their_size_and_the_embeddings_of_the_discriminator(model):
    tied, untied = model, make(untied_generator_embeddings=True).build_model()
    assert tied.generator.embeddings is tied.encoder.embeddings
    assert untied.generator.embeddings is not untied.encoder.embeddings
    more = len(untied.weights) - len(tied.weights)
    assert more == len(tied.encoder.embeddings.weights)
    assert tied.generator.config.hidden_size == 4
    base = electra.Config.from_size("base")
    assert base.scaled(1 / 3, 1) == electra.Config.from_size("base_generator")
    assert electra.Config.from_size("small").scaled(0.25, 0.5).num_hidden_layers == 6
    assert not bert.Config().scaled(1.0, 0.5).use_pooler
    half = distilbert.Config(dim=128, n_heads=2, hidden_dim=256, n_layers=4).scaled(0.5, 0.5)
    assert (half.dim, half.n_heads, half.hidden_dim, half.n_layers) == (64, 1, 128, 2)


def test_optimizers_know_the_blocks_of_both_networks(model):
    places = places_of(model)
    assert places["electra/embeddings/word_embeddings"].kind == "embeddings"
    blocks = {path for path, place in places.items() if place.kind == "block"}
    assert {path.split("/")[0] for path in blocks} == {"electra", "generator"}
    assert places["generator/cls/predictions/output_bias"].kind == "head"


def test_an_encoder_without_narrow_embeddings_needs_a_wide_generator_or_its_own_tables():
    task = make()
    model = bert.Config(vocab_size=VOCABULARY, hidden_size=64, num_attention_heads=1)
    config = dataclasses.replace(task.config, model=model)
    with pytest.raises(
        ValueError, match="embeddings of width 16, but the shared embeddings of 'bert'"
    ):
        config.check()
    config.task = replaced_tokens.Config(generator_hidden_size=1.0)
    config.check()
    config.task = replaced_tokens.Config(untied_generator_embeddings=True)
    config.check()


def test_operations_are_those_of_both_networks(task):
    config = task.config
    generator = config.task.generator(config.model)
    forward = config.model.forward_flops(LENGTH) + generator.forward_flops(LENGTH, SLOTS)
    rows = config.train.global_batch_size
    assert flops.step_flops(config) == pytest.approx(3 * rows * forward)


def test_a_row_is_shown_whose_drawn_token_is_behind_the_vocabulary(task):
    """The table of words may have more rows than there are tokens."""
    model = dataclasses.replace(task.config.model, vocab_size=VOCABULARY + 1)
    wide = task.with_config(dataclasses.replace(task.config, model=model))
    row = {
        "input_ids": np.array([TOKENIZER.cls_id, TOKENIZER.mask_id, TOKENIZER.sep_id]),
        "input_mask": np.ones(3, np.int32),
        "masked_lm_positions": np.array([1, 0]),
        "masked_lm_ids": np.array([5, 0]),
        "masked_lm_weights": np.array([1.0, 0.0]),
        "sampled_ids": np.array([VOCABULARY, 0]),
    }
    shown = wide._show_row(row, np.array([0.1, 0.9, 0.1]))
    assert shown["expected"] == ["a / (no token): replaced"]
    assert shown["given"] == ["replaced with 0.90"] and "[1]" in shown["text"]


@pytest.fixture(scope="module")
def folder(task, model, tmp_path_factory):
    """What pretrain.py leaves: model/ and generator/."""
    folder = tmp_path_factory.mktemp("run")
    model_folder.save(str(folder / "model"), task, model, {})
    for name, (other, its_model) in task.companions(model).items():
        model_folder.save(str(folder / name), other, its_model, {})
    return folder


def test_the_folder_of_the_model_scores_and_answers_as_the_model_did(folder, outputs, batch):
    task, model = model_folder.load(str(folder))
    for name, value in model(batch).items():
        np.testing.assert_array_equal(value, outputs[name])
    text = tf.constant(["a b c d"])
    encoded = task.encode(text)
    answer = task.decode(model(encoded), encoded)
    described = task.describe({name: value[0].numpy() for name, value in answer.items()})
    assert [found["token"] for found in described["tokens"]][1:-1] == list("abcd")
    served_task, served = task.served(model)
    np.testing.assert_array_equal(
        served_task.decode(served(encoded), encoded)["probabilities"], answer["probabilities"]
    )
    assert not any(weight.path.startswith("generator/") for weight in served.weights)
    with pytest.raises(ValueError, match="a discriminator without its generator"):
        served_task.read("data", "scratch")


def test_the_generator_is_a_masked_lm(folder, outputs, batch):
    task, filler = model_folder.load(str(folder / "generator"))
    assert task.config.task.name == "pretraining"
    found = filler(batch)["masked_lm_logits"]
    np.testing.assert_allclose(found, outputs["masked_lm_logits"], atol=1e-6)


def test_pretraining_goes_on_with_both_networks(folder, task, model):
    begun = task.build_model()
    initial_weights.initialize(begun, str(folder), TOKENIZER)
    for weight, expected in zip(begun.weights, model.weights, strict=True):
        np.testing.assert_array_equal(weight, expected, err_msg=weight.path)


def test_a_discriminator_is_fine_tuned(folder, model):
    config = ExperimentConfig(
        model=model_folder.read_checkpoint(str(folder)).config,
        task=classification.Config(labels=("a", "b")),
    )
    tuned = make_task(config, TOKENIZER).build_model()
    initial_weights.initialize(tuned, str(folder), TOKENIZER)
    for mine, theirs in zip(tuned.encoder.weights, model.encoder.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("name", "class_name"),
    [("model", "ElectraForPreTraining"), ("generator", "ElectraForMaskedLM")],
)
def test_both_go_to_hugging_face_and_back_bit_for_bit(folder, tmp_path, name, class_name):
    checkpoint = model_folder.read_checkpoint(str(folder / name))
    rows = foreign.write(checkpoint, str(tmp_path / "there"), "hugging_face")
    left = {row.ours for row in rows if not row.theirs}
    assert all(path.startswith("generator/") for path in left) and bool(left) == (name == "model")
    back = foreign.read(str(tmp_path / "there"))
    assert class_name in (tmp_path / "there" / "config.json").read_text()
    assert set(back.weights) == set(checkpoint.weights) - left
    for path, array in back.weights.items():
        np.testing.assert_array_equal(array, checkpoint.weights[path])
    task, _ = model_folder.build(back)
    assert task.config.task.name == checkpoint.task.name
