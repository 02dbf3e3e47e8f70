"""What parts are worth, what goes, and that the cut model answers as the one with zeros there."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.checkpoints import checkpoint as checkpoints
from bert_tf.layers import gates
from bert_tf.models import albert, bert, distilbert, electra, roberta, xlm_roberta
from bert_tf.pruning import importance, plan, target, units
from bert_tf.pruning.cut import cut
from bert_tf.pruning.settings import Pruning, kinds_of
from bert_tf.pruning.units import Kept
from bert_tf.tasks.task import make_task
from tests.checkpoints.models import BATCH, make_checkpoint_of
from tests.export.models import export_in_this_process
from tests.family import toy_encoder

_SHAPE = {
    "vocab_size": 64,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 18,
}
CONFIGS = {
    "bert": bert.Config(**_SHAPE),
    "albert": albert.Config(**_SHAPE, embedding_size=8),
    "albert_in_groups": albert.Config(
        **_SHAPE, embedding_size=8, num_hidden_groups=2, inner_group_num=2
    ),
    "distilbert": distilbert.Config(
        vocab_size=64, dim=24, n_layers=3, n_heads=4, hidden_dim=40, max_position_embeddings=18
    ),
    "electra": electra.Config(**_SHAPE, embedding_size=8),
    "roberta": roberta.Config(**_SHAPE),
    "xlm_roberta": xlm_roberta.Config(**_SHAPE),
}
# Two rows of seven tokens, the second shorter, with labels.
ROWS = {**BATCH, "label_ids": np.array([0, 2], np.int32), "label_weights": np.ones(2, np.float32)}


def built(name, dtype="float32"):
    """(task, model) of a classifier on this encoder, every weight random."""
    checkpoint = make_checkpoint_of(CONFIGS[name], "classification")
    checkpoint = dataclasses.replace(checkpoint, dtype=dtype)
    return model_folder.build(checkpoint, dtype=None)


def some_of(config):
    """Uneven parts of each block; a layer goes where one can."""
    layers = (0, 2) if config.can_lose_layers else (0, 1, 2)
    sizes = config.block_sizes
    heads = tuple((0, 2, 3) if block % 2 else (1,) for block in range(len(sizes)))
    rows = tuple(tuple(range(block, 40, 2 + block % 3)) for block in range(len(sizes)))
    return Kept(layers, heads, rows)


def with_zeros(model, kept):
    """The outputs of a model with gates of 0 on all that is not kept."""
    config, encoder = model.encoder.config, model.encoder
    zeros = {}
    for number, block in enumerate(units.own_blocks(encoder)):
        for kind, one in block.cuts.items():
            stay = np.isin(np.arange(one.count), getattr(kept, kind)[number])
            zeros[one.gated] = tf.constant(stay[np.newaxis], tf.float32)
    runs = len(encoder.blocks) // config.num_hidden_layers
    for run in range(len(encoder.blocks)):
        zeros["run", run] = tf.constant([[float(run // runs in kept.layers)]])
    with gates.opened(lambda what, rows, width: zeros.get(what)):
        return model(ROWS)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_cut_model_is_the_whole_one_with_zeros_and_its_size_is_counted(name, tmp_path):
    task, model = built(name)
    kept = some_of(CONFIGS[name])
    before = model(ROWS)["logits"]
    expected = with_zeros(model, kept)
    assert np.abs(expected["logits"] - before).max() > 1e-3  # what went mattered
    assert (model(ROWS)["logits"].numpy() == before.numpy()).all()  # no gate is left behind
    smaller_task, smaller = cut(task, model, kept)
    for key in ("logits", "sequence_output"):
        np.testing.assert_allclose(smaller(ROWS)[key], expected[key], atol=2e-6)
    config = smaller_task.config.model
    blocks = {v.path: v for block in smaller.encoder.blocks for v in block.weights}
    assert config.block_parameters == sum(v.shape.num_elements() for v in blocks.values())
    assert config.num_hidden_layers == len(kept.layers)
    # The folder says the sizes, and what it says loads.
    model_folder.save(str(tmp_path / "model"), smaller_task, smaller, {})
    loaded_task, loaded = model_folder.load(str(tmp_path / "model"))
    assert loaded_task.config.model == config
    assert (loaded(ROWS)["logits"].numpy() == smaller(ROWS)["logits"].numpy()).all()


@pytest.mark.parametrize(("name", "of"), [("bert", "absolute"), ("albert_in_groups", "square")])
def test_importance_is_the_derivative_by_a_gate_of_each_row(name, of, monkeypatch):
    task, model = built(name, "float64")
    data = tf.data.Dataset.from_tensors({key: tf.constant(rows) for key, rows in ROWS.items()})
    monkeypatch.setattr(type(task), "make_dataset", lambda *args, **kwargs: data)
    found = importance.measure(task, model, None, num_rows=2, batch_size=2, of=of)

    def slopes(what, indices, width):
        """(loss at 1 + h - loss at 1 - h) / 2 h, one row of a large batch for each of them."""
        step, count = 1e-4, len(indices)
        values = np.ones((2, 2, count, width))  # sign, row, gate
        for place, index in enumerate(indices):
            values[:, :, place, index] += step * np.array([[1.0], [-1.0]])
        values = tf.constant(values.reshape(-1, width))
        rows = np.tile(np.repeat([0, 1], count), 2)
        batch = {key: array[rows] for key, array in ROWS.items()}
        with gates.opened(lambda asked, rows, width: values if asked in what else None):
            logits = model(batch)["logits"].numpy()
        assert logits.dtype == np.float64
        right = logits[np.arange(len(rows)), batch["label_ids"]]
        losses = (np.log(np.exp(logits).sum(axis=-1)) - right).reshape(2, 2, count)
        power = {"absolute": 1, "square": 2}[of]
        return (np.abs((losses[0] - losses[1]) / (2 * step)) ** power).mean(axis=0)

    for number, block in enumerate(units.own_blocks(model.encoder)):
        for kind, one in block.cuts.items():
            measured = getattr(found, kind)[number]
            expected = slopes([one.gated], range(one.count), one.count)
            np.testing.assert_allclose(measured, expected, rtol=1e-5, atol=1e-7)
    runs = len(model.encoder.blocks) // 3
    for layer in range(3):
        of_layer = [("run", layer * runs + i) for i in range(runs)]
        np.testing.assert_allclose(found.layers[layer], slopes(of_layer, [0], 1)[0], rtol=1e-5)


def importance_of(config, layers=1.0):
    """Every head of a block is worth 1, 2, 3, ... and its units a tenth of that."""
    sizes = config.block_sizes
    return importance.Importance(
        np.full(config.num_hidden_layers, layers),
        [np.arange(1.0, size.heads + 1) for size in sizes],
        [np.arange(1.0, size.units + 1) / 10 for size in sizes],
    )


ALL = dict.fromkeys(units.KINDS, 0)
BOTH = dict.fromkeys(units.KINDS[:2], 0)


def parameters(config):
    return config.block_parameters


def flops(config):
    return config.forward_flops(16)


def test_what_is_worth_least_for_its_cost_goes_until_the_target_is_met():
    config = CONFIGS["bert"]
    whole = parameters(config)
    found = plan.plan(config, importance_of(config), parameters, 0.7 * whole, {"heads": 0})
    # Only heads may go, those with the smallest numbers first; units stay.
    assert [len(units) for units in found.units] == [40] * 3
    assert all(heads == tuple(range(4 - len(heads), 4)) for heads in found.heads)
    both = plan.plan(config, importance_of(config), parameters, 0.5 * whole, BOTH)
    left = parameters(both.resized(config))
    unit = 2 * 24 + 1  # at most one unit more than needed went
    assert 0.5 * whole - (4 * 24 * 6 + 18) <= left <= 0.5 * whole and unit < whole
    assert both == plan.plan(config, importance_of(config), parameters, left, BOTH)


def test_no_more_of_a_kind_goes_than_may():
    config = CONFIGS["bert"]
    least = Pruning(target.Target("parameters", 0.6), kinds=kinds_of(["heads:0.3", "units"]))
    kept = plan.plan(
        config,
        importance_of(config),
        parameters,
        0.6 * parameters(config),
        least.least(config),
    )
    assert sum(map(len, kept.heads)) >= 9 and sum(map(len, kept.units)) < 80
    with pytest.raises(ValueError, match="--kinds=units:x: expected a number"):
        kinds_of(["units:x"])


def test_layers_go_only_where_they_save_and_do_not_overshoot():
    config = CONFIGS["bert"]
    cheap = importance_of(config, layers=1e-6)
    two_thirds = plan.plan(config, cheap, flops, 0.67 * flops(config), ALL)
    assert len(two_thirds.layers) == 2 and len(two_thirds.heads[two_thirds.layers[0]]) == 4
    # A layer is a third: for a tenth, heads and units go.
    a_tenth = plan.plan(config, cheap, flops, 0.9 * flops(config), ALL)
    assert len(a_tenth.layers) == 3
    # A repetition of ALBERT has no parameters of its own, and in groups none can go.
    shared = CONFIGS["albert"]
    kept = plan.plan(shared, cheap, parameters, 0.6 * parameters(shared), ALL)
    assert len(kept.layers) == 3
    assert len(plan.plan(shared, cheap, flops, 0.7 * flops(shared), ALL).layers) == 2
    with pytest.raises(ValueError, match="cannot lose single layers"):
        CONFIGS["albert_in_groups"].resized((0, 1), [4] * 4, [40] * 4)


def test_a_target_is_a_share_or_a_number_and_one_alone():
    assert target.target_of(parameters=0.5, flops=None, latency=None).share(1e6) == 0.5
    assert target.target_of(flops=2e5).share(1e6) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="latency=7: the model has 6.50 ms already"):
        target.target_of(latency=7.0).share(6.5)
    with pytest.raises(ValueError, match="only one target.*--target_parameters, --target_flops"):
        target.target_of(parameters=0.5, flops=0.5)
    with pytest.raises(ValueError, match="missing: pass exactly one of --target_parameters"):
        target.target_of(parameters=None)
    with pytest.raises(ValueError, match="--target_flops=-0.5: expected a share below 1"):
        target.target_of(flops=-0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads_per_block": (1, 2)}, r"heads_per_block is \(1, 2\); expected 3 whole numbers"),
        ({"heads_per_block": [0, 2, 2]}, r"between 1 and num_attention_heads \(4\)"),
        ({"units_per_block": (41, 2, 2)}, r"between 1 and intermediate_size \(40\)"),
        ({"units_per_block": "few"}, "units_per_block is 'few'"),
        ({"heads_per_block": (1, 2.0, True)}, "expected 3 whole numbers"),
    ],
)
def test_sizes_that_cannot_be_are_one_line(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIGS["bert"], **changes).check("config.json")


def test_a_file_without_sizes_is_what_it_was():
    whole = CONFIGS["bert"].to_json()
    assert "per_block" not in whole and CONFIGS["bert"].block_sizes[2].units == 40
    scaled = dataclasses.replace(CONFIGS["electra"], heads_per_block=(1, 2, 3)).scaled(0.5, 1)
    assert scaled.heads_per_block == ()


def test_an_encoder_without_the_contract_is_refused():
    with pytest.raises(ValueError, match="FOLDER: the encoder tests.family.toy_encoder cannot be"):
        units.check_can_be_pruned(_Holder(toy_encoder.ToyEncoder(toy_encoder.Config())), "FOLDER")


class _Holder:
    def __init__(self, encoder):
        self.encoder = encoder


def test_hugging_face_holds_fewer_layers_and_units_and_refuses_other_heads(tmp_path):
    task, model = built("bert")
    even = Kept((0, 2), ((0, 1, 2, 3),) * 3, (tuple(range(0, 40, 2)),) * 3)
    smaller_task, smaller = cut(task, model, even)
    config = smaller_task.config.model
    assert (config.num_hidden_layers, config.intermediate_size) == (2, 20)
    model_folder.save(str(tmp_path / "even"), smaller_task, smaller, {})
    checkpoint = model_folder.read_checkpoint(str(tmp_path / "even"))
    checkpoints.write(checkpoint, str(tmp_path / "hf"), "hugging_face")
    back = model_folder.load(str(tmp_path / "hf"))[1]
    np.testing.assert_allclose(back(ROWS)["logits"], smaller(ROWS)["logits"], atol=1e-6)
    uneven, uneven_model = cut(task, model, some_of(CONFIGS["bert"]))
    model_folder.save(str(tmp_path / "uneven"), uneven, uneven_model, {})
    checkpoint = model_folder.read_checkpoint(str(tmp_path / "uneven"))
    for form in ("hugging_face", "google", "garden", "keras"):
        with pytest.raises(ValueError, match=f"{form} cannot hold.*pruned to heads_per_block"):
            checkpoints.write(checkpoint, str(tmp_path / form), form, allow_lossy=True)


def test_a_pruned_model_is_exported_and_answers_the_same(tmp_path):
    task, model = cut(*built("bert"), some_of(CONFIGS["bert"]))
    assert export_in_this_process(task, model, str(tmp_path / "served"), ["a cat", "dog"]) < 1e-5


def test_a_pruned_model_trains_on():
    task, model = cut(*built("bert", "float32"), some_of(CONFIGS["bert"]))
    task = make_task(task.config, task.tokenizer, task.facts)
    with tf.GradientTape() as tape:
        outputs = model(ROWS, dropout_seed=tf.constant([1, 2]))
        (loss, _), *_ = task.compute_loss(outputs, ROWS).values()
    gradients = tape.gradient(loss, [w.value for w in model.encoder.blocks[0].weights])
    assert all(gradient is not None for gradient in gradients)
