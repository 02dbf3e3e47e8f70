"""Distillation asks nothing of an encoder but its contract, and is a training like any other."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.config import DataConfig, DistillationConfig, DistillConfig
from bert_tf.distillation.student import copy_layers
from bert_tf.distillation.task import DistilledTask
from bert_tf.distillation.teacher import Teacher
from bert_tf.distillation.terms import make_terms
from bert_tf.layers.attention import attention_bias
from bert_tf.recipes import recipe
from bert_tf.tasks.from_arrays import arrays_of
from bert_tf.training.loop import Session
from bert_tf.training.step import TrainState, TrainStep, weights_of
from bert_tf.workflows import distilling
from bert_tf.workflows.lessons import Lesson
from bert_tf.workflows.start import Start
from tests.devices import strategy_of
from tests.family import cases
from tests.family.test_training import OTHERS, make, packed, rows  # noqa: F401 - `make` is a fixture
from tests.scripts.conftest import ok_here, run_here
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


def test_rows_without_labels_count_in_the_terms_of_the_teacher_alone(toy_encoder):
    """As many rows as before, the copies of a masked LM among them; their labels do not matter."""
    pair, task = toy_encoder, "token_classification"
    files = pair.texts / cases.TASKS[task][1].format("train")
    settings = dataclasses.replace(
        recipe(f"distill/task:{task}"),
        data=DataConfig(max_seq_length=cases.LENGTH),
        distill=DistillConfig(student_layers="1,3", augment_copies=1),
    )
    lesson = Lesson(
        str(pair.model(task)),
        [str(files)],
        unlabelled_data=[str(pair.texts / cases.TASKS[task][1].format("dev"))],
        augment_model=str(pair.pretrained()),
    )
    session = Session(strategy_of(1), dry_run=True)
    work_dir = str(pair.folder / f"{task}_plan")
    plan = distilling.prepare(settings, lesson, Start(), work_dir, session)
    own, arrays = plan.task.student, arrays_of(plan.arguments["train_data"])
    count = len(arrays["input_ids"])
    labelled = np.flatnonzero(arrays[own.weights_name].reshape(count, -1).any(axis=1))
    num_labelled, rest = labelled.max() + 1, count - labelled.max() - 1
    assert rest == count // 2 + (count // 2 - num_labelled)
    soft = arrays["soft_weights"].reshape(count, -1)
    assert (soft.sum(axis=1) > 0).all()
    first, copies = arrays["input_ids"][: count // 2], arrays["input_ids"][count // 2 :]
    changed = (first != copies) & (arrays["input_mask"][: count // 2] > 0)
    assert 0 < changed.mean() < 0.5 and (copies != pair_mask(own)).all()


def pair_mask(task):
    return task.tokenizer.mask_id


GENERAL = {
    "distill/minilm": ("--config.model.num_hidden_layers=1", "--config.model.hidden_size=12")
    + ("--config.model.num_attention_heads=3", "--config.model.intermediate_size=16"),
    "distill/distilbert": ("--config.distill.student_layers=1,3",),
}


@pytest.fixture(scope="module")
def encoders(toy_encoder, tmp_path_factory):
    """{recipe: the work directory} of students of a pretrained teacher."""
    folders = {}
    for name, words in GENERAL.items():
        folders[name] = tmp_path_factory.mktemp("general") / "work"
        ok_here(
            "distill",
            f"--config={name}",
            cases.MEMBERS,
            *words,
            "--config.train.num_train_steps=2",
            "--config.train.global_batch_size=8",
            "--config.task.max_predictions_per_seq=6",
            f"--config.data.max_seq_length={cases.LENGTH}",
            teacher=toy_encoder.pretrained(),
            train_data=toy_encoder.records("train"),
            eval_data=toy_encoder.records("valid"),
            work_dir=folders[name],
        )
    return folders


def test_a_student_of_relations_is_a_bert_of_another_width_without_a_head(encoders):
    """It learns from a toy; its folder gives vectors, and its score is that of the relations."""
    folder = encoders["distill/minilm"]
    settings = json.loads((folder / "model" / "task.json").read_text())
    assert settings["task"]["name"] == "embedding" and settings["model_module"] == "bert"
    assert not [path for path in weights_in(folder) if path.startswith("cls/")]
    metrics = json.loads((folder / "model" / "metrics.json").read_text())["eval"]
    assert set(metrics) == {"relation_loss", "loss"} and metrics["relation_loss"] > 0


def test_a_student_of_distilberts_recipe_fills_masks(encoders, toy_encoder):
    answer = toy_encoder.answer(encoders["distill/distilbert"], toy_encoder.line("pretraining"))
    assert set(answer) >= {"masks"}


def test_a_narrower_student_learns_the_teachers_vectors(encoders, toy_encoder, tmp_path):
    """It has a matrix behind the pooling, so that its vectors are as long as the teacher's."""
    teacher = encoders["distill/minilm"]
    ok_here(
        "distill",
        "--config=distill/vectors",
        "--config.distill.student_layers=",
        "--config.model.hidden_size=8",
        "--config.model.num_hidden_layers=1",
        "--config.model.num_attention_heads=2",
        "--config.train.num_train_steps=2",
        teacher=teacher,
        train_data=toy_encoder.texts / "train.txt",
        eval_data=toy_encoder.texts / "valid.txt",
        work_dir=tmp_path / "work",
    )
    task, model = model_folder.load(str(tmp_path / "work"))
    batch = task.encode(tf.constant(["hen saw cat."]))
    vectors = task.decode(model(batch), batch)["embedding"]
    assert vectors.shape == (1, 12)
    assert json.loads((tmp_path / "work/model/metrics.json").read_text())["eval"]["soft_loss"] > 0


def test_what_cannot_be_taught_is_refused_in_one_line(toys, toy_encoder, tmp_path):
    classifier, filler = toys.model("classification"), toys.pretrained()
    odd = tmp_path / "odd.tsv"
    odd.write_text("sentence\tlabel\nhen saw cat.\tbird\ncow met cat.\tfish\n")
    data = toys.texts / "train.tsv"
    layers = "--config.distill.student_layers"
    refused = [
        ((f"{layers}=1,7",), classifier, data, "layers 1, 7 of a model with 3 layers; expected"),
        ((f"{layers}=some",), classifier, data, "student_layers is 'some'; expected 'alternate'"),
        (
            (f"{layers}=1,3",),
            classifier,
            odd,
            "odd.tsv:3: column 'label': the label 'fish' was not seen",
        ),
        (
            (f"{layers}=1,3", "--config.distill.hidden_weight=1")
            + ("--config.distill.match_layers=1:9",),
            classifier,
            data,
            "layer 9 of the teacher, which has 3 layers",
        ),
        (
            (f"{layers}=1,3", f"--init_checkpoint={toy_encoder.pretrained()}"),
            classifier,
            data,
            "a student starts from one of them",
        ),
        (
            (f"{layers}=", f"--init_checkpoint={toy_encoder.pretrained()}"),
            classifier,
            data,
            "has another vocabulary",
        ),
        (
            ("--config=distill/task:classification", f"{layers}=1,3"),
            filler,
            data,
            "is a pretraining model, and the student's task is 'classification'",
        ),
        (
            ("--config=distill/distilbert", f"{layers}=1,3")
            + (f"--config.data.max_seq_length={cases.LENGTH}",)
            + ("--config.task.max_predictions_per_seq=6",),
            classifier,
            toys.records("train"),
            "Expected a teacher of this task with a masked-LM head",
        ),
        (("--config.distill.soft_weight=0",), classifier, data, "the teacher would teach nothing"),
        (
            ("--config.quantization.bits=8", f"{layers}=1,3"),
            classifier,
            data,
            "distill.py does not train for int8",
        ),
    ]
    for words, teacher, train_data, message in refused:
        process = run_here(
            "distill",
            *words[:1] * words[0].startswith("--config="),
            cases.MEMBERS,
            *(word for word in words if not word.startswith("--config=")),
            teacher=teacher,
            train_data=train_data,
            work_dir=tmp_path / "work",
        )
        errors = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
        assert process.returncode == 1 and len(errors) == 1, process.stderr
        assert message in errors[0]
