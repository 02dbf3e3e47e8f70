"""Distillation asks nothing of an encoder but its contract, and is a training like any other."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.config import DistillationConfig, DistillConfig
from bert_tf.distillation.student import copy_layers
from bert_tf.distillation.task import DistilledTask
from bert_tf.distillation.teacher import Teacher
from bert_tf.distillation.terms import make_terms
from bert_tf.layers.attention import attention_bias
from bert_tf.training.step import TrainState, TrainStep, weights_of
from tests.devices import strategy_of
from tests.family import cases
from tests.family.test_training import OTHERS, make, packed, rows  # noqa: F401 - `make` is a fixture
from tests.scripts.conftest import ok_here
from tests.training.layouts import distributed

ENCODERS = [cases.BERT, *OTHERS]


def tensors(batch):
    return {name: tf.constant(values) for name, values in batch.items()}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_gives_queries_keys_and_values(make, encoder):  # noqa: F811
    """They are those that its attention uses: its probabilities follow from them."""
    task, _ = make(encoder=encoder)
    model, batch = task.build_model().encoder, tensors(packed(rows()))
    outputs = model(
        **{name: batch[name] for name in model.config.inputs if name in batch},
        output_attention_probs=True,
        output_projections=(1,),
    )
    assert set(outputs["projections"]) == {1}
    queries, keys, values = outputs["projections"][1]
    assert queries.shape == keys.shape == values.shape
    scores = tf.matmul(queries, keys, transpose_b=True) * queries.shape[-1] ** -0.5
    scores += attention_bias(batch["input_mask"], batch["example_ids"])
    mask = batch["input_mask"].numpy()[:, None, :, None] > 0
    found, expected = (
        x.numpy() * mask for x in (tf.nn.softmax(scores), outputs["attention_probs"][1])
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_student_of_chosen_layers_computes_what_the_teachers_layers_do(make, encoder):  # noqa: F811
    task, config = make(encoder=encoder)
    teacher = task.build_model()
    layers = (1, config.model.num_hidden_layers)[-1:] if encoder != cases.TOY else (1, 3)
    model = config.model.with_layers(layers)
    student = task.with_config(dataclasses.replace(config, model=model)).build_model()
    copy_layers(student, teacher, layers)
    batch = tensors(rows())
    found = student(batch)
    teacher.encoder.blocks = [teacher.encoder.blocks[layer - 1] for layer in layers]
    expected = teacher(batch)
    assert len(student.encoder.blocks) == len(layers)
    for name in ("sequence_output", "masked_lm_logits"):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6, err_msg=name)


def distilled(task, config, teacher, **settings):
    """The distilled task and its config, of a student with the shape of `config`."""
    everything = {
        "student_layers": "",
        "gold_weight": 0.5,
        "hidden_weight": 1.0,
        "match_layers": "all",
        "relation_weight": 1.0,
        **settings,
    }
    names = [field.name for field in dataclasses.fields(config)]
    given = {name: getattr(config, name) for name in names}
    config = DistillationConfig(**given, distill=DistillConfig(**everything))
    terms = make_terms(config, teacher, task, ())
    return DistilledTask(config, task, teacher, terms), config


@pytest.fixture(scope="module")
def teacher(make, tmp_path_factory):  # noqa: F811
    """A wider teacher than the toys, of another kind."""
    task, config = make(encoder="electra")
    model = dataclasses.replace(config.model, hidden_size=24, num_attention_heads=3)
    task = task.with_config(dataclasses.replace(config, model=model))
    settings = dataclasses.replace(config.task, next_sentence=False)
    task = task.with_config(dataclasses.replace(task.config, task=settings))
    folder = str(tmp_path_factory.mktemp("teacher") / "model")
    task = type(task)(task.config, task.tokenizer, task.facts)
    model_folder.save(folder, task, task.build_model(), {})
    return Teacher.read(folder)


def test_two_replicas_learn_what_one_does_and_the_teacher_stays_out(make, teacher):  # noqa: F811
    """Replicas and micro-batches; all terms, with widths, depths and heads that differ."""

    def train(replicas, parts):
        task, config = make(num_micro_batches=parts)
        task, config = distilled(task, config, teacher)
        strategy = strategy_of(replicas)
        with strategy.scope():
            state = TrainState.create(task, config)
        before = {path: weight.numpy() for path, weight in state.variables().items()}
        step = TrainStep(task, config, state, strategy)
        step.train_steps(distributed(strategy, [rows()] * 3), tf.constant(3))
        weights = {path: weight.numpy() for path, weight in weights_of(state.model).items()}
        return step.take_metrics(), weights, before

    (values, weights, before), (others, other_weights, _) = train(1, 2), train(2, 1)
    assert others == pytest.approx(values, rel=1e-5)
    assert {"soft_loss", "hidden_loss", "relation_loss", "masked_lm_loss"} <= set(values)
    for path, weight in weights.items():
        np.testing.assert_allclose(other_weights[path], weight, atol=1e-5, err_msg=path)
    assert not [path for path in before if "electra" in path]
    widening = [path for path in weights if path.startswith("distillation/hidden_")]
    assert len(widening) == 4 and all((weights[p] != before[p]).any() for p in widening)


FLAGS = (
    cases.MEMBERS,
    "--config.train.global_batch_size=8",
    "--config.train.num_train_steps=4",
    "--config.train.steps_per_loop=1",
    "--config.train.checkpoint_every=2",
    "--config.train.keep_checkpoints=3",
    "--config.distill.student_layers=1,3",  # one of each group of the toys
)


def distill(pair, task, work_dir, *words, **flags):
    """Runs distill.py on the pair's model of the task."""
    files = {name: pair.texts / cases.TASKS[task][1].format(name) for name in ("train", "dev")}
    return ok_here(
        "distill",
        *FLAGS,
        *words,
        teacher=pair.model(task),
        train_data=files["train"],
        eval_data=files["dev"],
        work_dir=work_dir,
        **flags,
    )


def weights_in(folder):
    return safetensors.numpy.load_file(folder / "model" / "model.safetensors")


def curve(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["soft_loss"] for line in lines if "soft_loss" in line]


@pytest.fixture(scope="module")
def student(toys, tmp_path_factory):
    """The work directory of a distillation of the toys' classifier."""
    folder = tmp_path_factory.mktemp("student") / "work"
    distill(toys, "classification", folder, "--config.distill.teacher_outputs=stored")
    return folder


def test_a_run_that_was_broken_off_equals_an_unbroken_one_bit_for_bit(toys, student, tmp_path):
    """As if it had been killed after its second step."""
    shutil.copytree(student, tmp_path / "work")
    shutil.rmtree(tmp_path / "work" / "checkpoints" / "step-00000004")
    shutil.rmtree(tmp_path / "work" / "model")
    distill(toys, "classification", tmp_path / "work", "--config.distill.teacher_outputs=stored")
    expected, found = weights_in(student), weights_in(tmp_path / "work")
    assert set(found) == set(expected)
    for path, weight in found.items():
        np.testing.assert_array_equal(weight, expected[path], err_msg=path)


def test_stored_outputs_teach_what_computed_ones_do(toys, student, tmp_path):
    distill(toys, "classification", tmp_path / "work", "--config.distill.teacher_outputs=step")
    assert list((student / "teacher_outputs").iterdir())
    assert not (tmp_path / "work" / "teacher_outputs").exists()
    np.testing.assert_allclose(curve(tmp_path / "work"), curve(student), rtol=1e-5)
    expected, found = weights_in(student), weights_in(tmp_path / "work")
    for path, weight in found.items():
        np.testing.assert_allclose(weight, expected[path], atol=1e-6, err_msg=path)


def test_the_student_is_an_ordinary_model_folder(toys, student):
    scores = json.loads((student / "model" / "metrics.json").read_text())["eval"]
    ok_here(
        "evaluate",
        cases.MEMBERS,
        model=student,
        data=toys.texts / "dev.tsv",
        output=student / "scores.json",
    )
    again = json.loads((student / "scores.json").read_text())
    assert again["accuracy"] == pytest.approx(scores["accuracy"])
    assert set(toys.answer(student, "hen saw cat.")) >= {"label", "probabilities"}
    assert not [path for path in weights_in(student) if "distillation" in path]
    assert "distill" not in (student / "model" / "task.json").read_text()
