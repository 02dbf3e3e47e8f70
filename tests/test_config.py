"""The experiment config: strict, whole after a round trip, and changeable from the command line."""

import dataclasses
import functools
import json
import pathlib
import re
import runpy
import textwrap

import pytest

from benchmarks.commands import CommandsConfig
from bert_tf import app
from bert_tf.config import as_json
from bert_tf.config.experiment import (
    DataConfig,
    ExperimentConfig,
    OptimizerConfig,
    TrainConfig,
)
from bert_tf.tasks import classification
from tests.in_process import run_in_process

ROOT = pathlib.Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").rglob("[!_]*.py"))


def write(folder, values):
    path = folder / "config.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return str(path)


def test_json_round_trip_of_values_that_are_not_the_defaults(tmp_path):
    config = ExperimentConfig(
        data=DataConfig(max_seq_length=64),
        task=classification.Config(labels=("b", "a"), label_column="y"),
        optimizer=OptimizerConfig(learning_rate=2.5e-5, bias_correction=True),
        train=TrainConfig(seed=7, dtype="mixed_bfloat16"),
    )
    config.model.other_keys = {"id2label": {"0": "b"}, "architectures": ["BertModel"]}
    path = write(tmp_path, as_json.to_json(config))
    assert as_json.from_json(ExperimentConfig, path) == config


def test_what_is_left_out_is_the_default(tmp_path):
    path = write(tmp_path, {"format_version": 1, "train": {"seed": 3}})
    expected = ExperimentConfig(train=TrainConfig(seed=3))
    assert as_json.from_json(ExperimentConfig, path) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"optimiser": {}}, r"config\.json: unknown keys optimiser\. Known: .*optimizer"),
        (
            {"optimizer": {"learning_rat": 1}},
            r"config\.json: optimizer: unknown keys learning_rat\. Known: .*learning_rate",
        ),
        ({"train": 3}, r"config\.json: train is 3; expected an object"),
        ({"train": None}, r"config\.json: train is None; expected an object"),
        ({"train": {"seed": "one"}}, r"config\.json: train: seed is 'one'; expected int"),
        ({"train": {"phases": [3]}}, r"config\.json: train: phases has 3; expected objects"),
        (
            {"train": {"phases": [{"steps": 3}]}},
            r"train: phases\[0\]: unknown keys steps\. Known: .*num_train_steps",
        ),
        ({"format_version": "one"}, r"config\.json has format_version one.*reads up to 2"),
        ({"format_version": 3}, r"config\.json has format_version 3.*reads up to 2"),
        ("[]", r"config\.json: expected a JSON object"),
        ("{", r"config\.json: expected a JSON object"),
    ],
)
def test_bad_files_are_errors_that_say_where_and_what(tmp_path, values, message):
    with pytest.raises(ValueError, match=message):
        as_json.from_json(ExperimentConfig, write(tmp_path, values))


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("train", "dtype", "float16", "train.dtype is 'float16'"),
        ("train", "time_budget_minutes", -1.0, "train.time_budget_minutes is -1.0"),
        ("train", "num_reinitialized_layers", 13, "is 13, but model.num_hidden_layers is 12"),
        ("optimizer", "name", "adam", "optimizer.name is 'adam'; expected one of adamw, lamb, "),
        ("optimizer", "schedule", "step", "optimizer.schedule is 'step'; .* linear, polynomial, "),
        ("optimizer", "layer_decay", 0.0, "layer_decay is 0.0; expected more than 0 and at most 1"),
        ("optimizer", "warmup_proportion", 2.0, "warmup_proportion is 2.0; expected a share"),
        ("optimizer", "beta_2", 1.0, "optimizer.beta_2 is 1.0; expected at least 0 and less than"),
        ("optimizer", "num_frozen_layers", 13, "is 13, but model.num_hidden_layers is 12"),
        ("optimizer", "unfreeze_every", -1, "optimizer.unfreeze_every is -1; expected at least 0"),
        ("data", "max_seq_length", 513, "max_seq_length is 513, but the model takes at most 512"),
        ("task", "position_range", 513, "position_range is 513; expected 0, or at most 512"),
        ("task", "max_ngram", 0, "task.max_ngram is 0; expected at least 1"),
        ("task", "max_ngram", 3, "max_ngram is 3, but task.do_whole_word_mask is false; .* set it"),
        ("train", "global_batch_size", 0, "train.global_batch_size is 0"),
        ("train", "num_micro_batches", 0, "train.num_micro_batches is 0"),
        ("train", "steps_per_loop", -1, "train.steps_per_loop is -1"),
        ("train", "eval_batch_size", 0, "train.eval_batch_size is 0"),
        ("train", "checkpoint_every", -1, "train.checkpoint_every is -1; expected at least 0"),
        ("train", "keep_checkpoints", 0, "train.keep_checkpoints is 0; expected at least 1"),
        ("train", "seed", 2**32, "train.seed is 4294967296; expected .* less than"),
        ("task", "eval_masked_lm_prob", 1.5, "eval_masked_lm_prob is 1.5; expected a share"),
        ("optimizer", "epsilon", 0.0, "optimizer.epsilon is 0.0; expected more than 0"),
        ("optimizer", "learning_rate", float("nan"), "learning_rate is nan; expected at least 0"),
        ("model", "hidden_dropout_prob", 1.0, "model: hidden_dropout_prob is 1.0; .* less than 1"),
        ("model", "vocab_size", 0, "model: vocab_size is 0; expected at least 1"),
    ],
)
def test_values_that_cannot_work_are_errors(part, key, value, message):
    config = ExperimentConfig()
    setattr(getattr(config, part), key, value)
    with pytest.raises(ValueError, match=message):
        config.check()


def test_a_time_budget_and_a_number_of_steps_exclude_each_other():
    config = ExperimentConfig(train=TrainConfig(num_train_steps=5, time_budget_minutes=1.0))
    with pytest.raises(ValueError, match="time_budget_minutes is 1.0 and .*num_train_steps is 5"):
        config.check()
    config.train.num_train_steps = 0
    assert config.check().with_steps(1000).train.num_train_steps == 0  # the clock decides


def test_the_default_config_is_valid_and_no_part_of_it_is_shared():
    first, second = ExperimentConfig().check(), ExperimentConfig()
    first.model.hidden_size = 8
    first.model.other_keys["x"] = 1
    assert second == ExperimentConfig()


def test_there_are_configs():
    assert {path.parent.name for path in CONFIGS} >= {"pretrain", "finetune"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_config_file_is_valid_and_says_how_to_run_it(path):
    values = runpy.run_path(str(path))
    config = values["get_config"]()
    if isinstance(config, CommandsConfig):  # measures commands, has no model
        assert path.parent.name == "benchmark"
    else:
        assert config.check() is config
    assert dataclasses.asdict(config) == dataclasses.asdict(values["get_config"]())
    found_by_name = path.relative_to(ROOT / "configs").with_suffix("")
    shown = re.findall(r"--config=([^\s:]+)", values["__doc__"])
    assert {str(path.relative_to(ROOT)), str(found_by_name)} & set(shown), shown
    assert "python scripts/" in values["__doc__"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_config_file_survives_json(path, tmp_path):
    config = runpy.run_path(str(path))["get_config"]()
    again = as_json.from_json(type(config), write(tmp_path, as_json.to_json(config)))
    assert again == config


_SCRIPT = textwrap.dedent(
    '''
    """Prints its config."""
    from ml_collections import config_flags

    from bert_tf import app, config

    FLAG = config_flags.DEFINE_config_file("config", None, "The config.")


    def main(argv):
        print(config.to_json(FLAG.value))


    if __name__ == "__main__":
        app.run(main)
    '''
)


@pytest.fixture(scope="module")
def command_line(tmp_path_factory):
    """Runs a script with the flag --config for one of our files, and further words."""
    script = tmp_path_factory.mktemp("scripts") / "show.py"
    script.write_text(_SCRIPT)
    return functools.partial(run_in_process, script, f"--config={ROOT}/configs/pretrain/mini.py")


def test_the_command_line_overrides_single_values(command_line):
    process = command_line(
        "--config.optimizer.learning_rate=2e-5",
        "--config.task.next_sentence=false",
        "--config.train.jit_compile=true",
        "--config.task.do_whole_word_mask=true",
        "--config.task.max_ngram=3",
        "--config.model.hidden_act=gelu_new",
    )
    assert process.returncode == 0, process.stderr
    values = json.loads(process.stdout)
    assert values["optimizer"]["learning_rate"] == 2e-5
    assert values["task"]["name"] == "pretraining" and not values["task"]["next_sentence"]
    assert values["train"]["jit_compile"] is True
    assert values["task"]["do_whole_word_mask"] is True and values["task"]["max_ngram"] == 3
    assert values["model"]["hidden_act"] == "gelu_new"
    assert values["model"]["num_hidden_layers"] == 4


def test_a_misspelt_key_on_the_command_line_is_one_line_with_the_known_ones(command_line):
    process = command_line("--config.optimizer.learning_rat=1")
    assert process.returncode == 1
    (line,) = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith(
        "error: --config.optimizer.learning_rat=1: config.optimizer has no key 'learning_rat'. "
        "Known: beta_1, beta_2, bias_correction, clip_norm, decay_exponent, decay_proportion, "
    )
    assert "Traceback" not in process.stderr
    assert process.stdout == ""


@pytest.mark.parametrize("form", ["--config={}", "--config {}"])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "optimiser.beta_1",
            " has no key 'optimiser'. Known: data, model, optimizer, quantization, task, train.",
        ),
        ("train.sed", ".train has no key 'sed'. Known: checkpoint_every, dtype, "),
        ("train.seed.x", ".train.seed has no keys."),
    ],
)
def test_the_first_key_that_is_wrong_is_named(form, path, message):
    argv = ["script", *form.format(ROOT / "configs/pretrain/mini.py").split()]
    right = "--config.train.seed=1"
    with pytest.raises(ValueError) as error_info:
        app._check_config([*argv, right, f"--config.{path}=1"])
    assert str(error_info.value).startswith(f"--config.{path}=1: config{message}")
    app._check_config([*argv, right, "--verbosity=1"])


def test_a_value_of_another_type_on_the_command_line_is_an_error(command_line):
    process = command_line("--config.data.max_seq_length=1.5")
    assert process.returncode == 1
    assert "flag --config.data.max_seq_length=1.5: invalid literal for int()" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize("epochs", [0, 0.0])
def test_nothing_to_train_is_an_error_and_not_one_step(epochs):
    train = TrainConfig(num_train_steps=0, num_train_epochs=epochs)
    with pytest.raises(ValueError, match="nothing would be trained"):
        train.with_steps(1000)
