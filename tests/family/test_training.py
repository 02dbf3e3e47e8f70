"""What training asks of an encoder: its parts and the roles of its variables, never their names."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from bert_tf import members
from bert_tf.config import DataConfig, ExperimentConfig, OptimizerConfig, TrainConfig
from bert_tf.models.distilbert import DistilBertConfig
from bert_tf.models.model import EncoderConfig
from bert_tf.tasks import pretraining
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.training import estimate, flops
from bert_tf.training.optimizers.optimizer import Optimizer
from bert_tf.training.optimizers.places import places_of
from bert_tf.training.step import TrainState, TrainStep, weights_of
from tests.devices import strategy_of
from tests.family import cases
from tests.family.toy_encoder import ToyConfig
from tests.training.layouts import distributed

ROWS, LENGTH = 4, 10


_SHAPE = {
    "vocab_size": 64,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 24,
    "initializer_range": 0.2,
}


def config_of(encoder: str, dropout: float = 0.0) -> EncoderConfig:
    """A tiny encoder whose weights are large enough that all of them matter."""
    if encoder == cases.TOY:
        return ToyConfig(vocab_size=64, dropout=dropout, init_std=0.2, use_pooler=True)
    if encoder == "distilbert":
        shape = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
        rates = {"dropout": dropout, "attention_dropout": dropout}
        return DistilBertConfig(vocab_size=64, initializer_range=0.2, **shape, **rates)
    own = {"electra": {"embedding_size": 8}, "albert": {"embedding_size": 8}}
    return members.find("models", encoder).Config(
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        **_SHAPE,
        **own.get(encoder, {}),
    )


@pytest.fixture(scope="module")
def make(texts):
    """`make(dropout=0.1, **train)` -> (task, config) of an encoder, by default the toy."""
    tokenizer = Tokenizer.from_folder(str(texts / cases.LETTERS))

    def make(dropout=0.0, encoder=cases.TOY, **train):
        model = config_of(encoder, dropout)
        next_sentence = model.use_pooler
        config = ExperimentConfig(
            model=model,
            data=DataConfig(max_seq_length=LENGTH),
            task=pretraining.Config(max_predictions_per_seq=2, next_sentence=next_sentence),
            optimizer=OptimizerConfig(learning_rate=0.1, name="sgd", warmup_proportion=0.0),
            train=TrainConfig(global_batch_size=ROWS, num_train_steps=4, **train),
        )
        return make_task(config, tokenizer), config

    return make


def rows() -> dict[str, np.ndarray]:
    """A batch with padding of several lengths."""
    random = np.random.default_rng(0)
    lengths = np.array([[10], [7], [5], [9]])
    mask = (np.arange(LENGTH) < lengths).astype(np.int32)
    ids = np.where(mask, random.integers(4, 60, (ROWS, LENGTH)), 1)
    positions = np.array([[1, 3], [2, 4], [1, 2], [5, 6]])
    return {
        "input_ids": ids.astype(np.int32),
        "input_mask": mask,
        "segment_ids": np.zeros((ROWS, LENGTH), np.int32),
        "masked_lm_positions": positions.astype(np.int32),
        "masked_lm_ids": random.integers(4, 60, (ROWS, 2)).astype(np.int32),
        "masked_lm_weights": np.array([[1, 1], [1, 0], [1, 1], [0, 0]], np.float32),
        "next_sentence_labels": np.array([[0], [1], [1], [0]], np.int32),
        "next_sentence_weights": np.ones((ROWS, 1), np.float32),
    }


def packed(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Two examples in each row, without padding between them."""
    lengths = batch["input_mask"].sum(axis=1).reshape(-1, 2)
    shape = (ROWS // 2, 2 * LENGTH)
    names = ("input_ids", "input_mask", "segment_ids", "position_ids", "example_ids")
    table = {name: np.zeros(shape, np.int32) for name in names}
    table["input_ids"][:] = 1
    masked = batch["masked_lm_positions"].reshape(-1, 2, 2).copy()
    for row, example in np.ndindex(lengths.shape):
        begin = lengths[row, :example].sum()
        place = np.s_[row, begin : begin + lengths[row, example]]
        table["input_ids"][place] = batch["input_ids"][2 * row + example][: lengths[row, example]]
        table["input_mask"][place] = 1
        table["position_ids"][place] = np.arange(lengths[row, example])
        table["example_ids"][place] = example + 1
        masked[row, example] += begin
    rest = {name: values.reshape(ROWS // 2, -1) for name, values in batch.items()}
    begins = np.stack([np.zeros(ROWS // 2, int), lengths[:, 0]], axis=1)
    return {
        **rest,
        **table,
        "masked_lm_positions": masked.reshape(ROWS // 2, -1),
        "cls_positions": begins.astype(np.int32),
    }


def loss_and_gradients(task, model, batch, seed=None):
    """The loss, and the gradients by path."""
    batch = {name: tf.constant(values) for name, values in batch.items()}
    weights = weights_of(model)
    with tf.GradientTape() as tape:
        outputs = model(batch, dropout_seed=None if seed is None else tf.constant(seed))
        terms = task.compute_loss(outputs, batch).values()
        loss = tf.add_n([total / weight for total, weight in terms])
    values = [tf.convert_to_tensor(g) for g in tape.gradient(loss, list(weights.values()))]
    return float(loss), dict(zip(weights, map(np.array, values), strict=True))


def assert_close(first, second):
    (loss, gradients), (other_loss, others) = first, second
    assert other_loss == pytest.approx(loss, rel=1e-5) and set(gradients) == set(others)
    for path, gradient in gradients.items():
        np.testing.assert_allclose(others[path], gradient, atol=1e-5, err_msg=path)
    assert sum(np.abs(gradient).max() > 1e-4 for gradient in gradients.values()) > 20


# XLM-R is RoBERTa with another tokenizer.
OTHERS = [name for name in cases.ENCODERS if name not in (cases.BERT, "xlm_roberta")]


@pytest.mark.parametrize("encoder", OTHERS)
def test_packed_rows_teach_what_rows_of_one_example_do(make, encoder):
    task, _ = make(encoder=encoder)
    model = task.build_model()
    expected = loss_and_gradients(task, model, rows())
    assert_close(loss_and_gradients(task, model, packed(rows())), expected)


@pytest.mark.parametrize("encoder", OTHERS)
def test_blocks_can_be_computed_twice(make, encoder):
    """With dropout, which must fall on the same elements both times."""
    task, _ = make(dropout=0.3, encoder=encoder)
    again, _ = make(dropout=0.3, encoder=encoder, recompute=True)
    model, other = task.build_model(), again.build_model()
    other.set_weights(model.get_weights())
    expected = loss_and_gradients(task, model, rows(), seed=(3, 4))
    assert_close(loss_and_gradients(again, other, rows(), seed=(3, 4)), expected)


def test_two_replicas_train_what_one_does(make):
    """The toy alone: tests/conformance does it with every encoder."""

    def train(replicas):
        task, config = make(dropout=0.2, num_micro_batches=2 // replicas)
        strategy = strategy_of(replicas)
        with strategy.scope():
            state = TrainState.create(task, config)
        step = TrainStep(task, config, state, strategy)
        step.train_steps(distributed(strategy, [rows(), rows()]), tf.constant(2))
        weights = {path: weight.numpy() for path, weight in weights_of(state.model).items()}
        return step.take_metrics(), weights

    (metrics, weights), (other_metrics, other_weights) = train(1), train(2)
    assert other_metrics == pytest.approx(metrics, rel=1e-5)
    for path, weight in weights.items():
        np.testing.assert_allclose(other_weights[path], weight, atol=1e-5, err_msg=path)


@pytest.fixture(scope="module")
def optimizer_of(make):
    """`optimizer_of(**changes of OptimizerConfig)`: of one model, made once."""
    task, config = make()
    model = task.build_model()

    def optimizer_of(**changes):
        changed = dataclasses.replace(config.optimizer, **changes)
        return Optimizer(changed, weights_of(model), places_of(model))

    return optimizer_of


def endings(paths, *names):
    """Those of `paths` that end in one of `names`."""
    return sorted(path for path in paths if path.endswith(names))


@pytest.mark.parametrize("name", ["adamw", "lamb"])
def test_matrices_and_tables_are_decayed_whatever_they_are_called(optimizer_of, name):
    """And what LAMB decays has a trust ratio."""
    optimizer = optimizer_of(name=name, weight_decay=0.1)
    expected = endings(optimizer.weights, "kernel", "words", "positions", "output_weights")
    assert sorted(optimizer.decayed) == expected and len(expected) == 2 + 1 + 2 * 6 + 1 + 1 + 1


def test_muon_is_for_the_matrices_of_the_blocks(optimizer_of):
    orthogonalized = optimizer_of(name="muon").orthogonalized
    assert len(orthogonalized) == 2 * 6
    assert all("/group_" in path and path.endswith("kernel") for path in orthogonalized)


def test_shared_weights_move_with_the_lowest_of_their_blocks(optimizer_of):
    """Blocks 0 and 1 count as one; the norm above all blocks moves with the heads."""
    optimizer = optimizer_of(layer_decay=0.5, unfreeze_every=10)
    paces = {
        part: optimizer.paces[next(iter(endings(optimizer.paces, ending)))]
        for part, ending in {
            "table": "embeddings/words",
            "shared": "group_0/ffn_norm/scale",
            "own": "group_1/ffn_norm/scale",
            "pooler": "pooler/dense/bias",
            "top": "final_norm/scale",
            "head": "predictions/output_bias",
        }.items()
    }
    assert {part: pace.factor for part, pace in paces.items()} == {
        "table": 0.5**3,
        "shared": 0.5**2,
        "own": 0.5,
        "pooler": 1.0,
        "top": 1.0,
        "head": 1.0,
    }
    assert [paces[part].release for part in ("table", "shared", "own", "top")] == [30, 20, 10, 0]


def places(encoder, make):
    task, config = make(encoder=encoder)
    model = task.build_model()
    changed = dataclasses.replace(config.optimizer, layer_decay=0.5)
    return Optimizer(changed, weights_of(model), places_of(model)).paces


@pytest.mark.parametrize(
    ("encoder", "factors"),
    [
        ("albert", {"embedding_hidden_mapping_in/kernel": 0.25, "query/kernel": 0.5}),
        ("electra", {"embeddings_project/kernel": 0.125, "layer_1/output/dense/kernel": 0.5}),
    ],
)
def test_narrow_embeddings_and_shared_layers_have_the_rate_of_their_depth(make, encoder, factors):
    """A layer that widens the embeddings belongs to them; a group counts once."""
    paces = places(encoder, make)
    for ending, factor in factors.items():
        assert {paces[path].factor for path in endings(paces, ending)} == {factor}


def test_frozen_layers_are_those_with_weights_of_their_own(optimizer_of):
    def frozen_groups(num_layers):
        frozen = optimizer_of(num_frozen_layers=num_layers, freeze_embeddings=True).frozen
        assert endings(frozen, "words", "positions", "widen/kernel", "input_norm/scale")
        assert not endings(frozen, "final_norm/scale", "output_bias")
        return {path.split("/group_")[1][0] for path in frozen if "/group_" in path}

    assert [frozen_groups(number) for number in (1, 2)] == [{"0"}, {"0", "1"}]
    with pytest.raises(ValueError, match="num_frozen_layers is 3, but the model has 2 layers with"):
        frozen_groups(3)


def test_operations_and_memory_are_what_the_config_of_the_encoder_says(make):
    task, config = make()
    forward = config.model.forward_flops(LENGTH, 2)
    assert flops.step_flops(config) == pytest.approx(3 * ROWS * forward)
    kept, recomputed = (
        estimate.activation_bytes(made[1], 1) for made in (make(), make(recompute=True))
    )
    assert 0 < recomputed < kept
