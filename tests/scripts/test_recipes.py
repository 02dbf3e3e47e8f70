"""`benchmark.py recipe`: recipes of different lengths are judged by one file."""

import json

import pytest

from benchmarks import recipes
from bert_tf.config import experiment
from bert_tf.training.phases import phases_of
from tests.scripts.conftest import config_text, ok_here, run_here


def test_minutes_are_those_of_training_and_evaluations_do_not_count():
    lines = [
        {"step": 10, "masked_lm_loss": 5.0, "examples_per_second": 1.0},
        {"step": 10, "eval_masked_lm_loss": 4.5, "eval_masked_lm_accuracy": 0.1},
        {"step": 40, "masked_lm_loss": 3.0, "examples_per_second": 2.0},
        {"step": 40, "eval_masked_lm_loss": 2.5, "eval_masked_lm_accuracy": 0.4},
    ]
    config = experiment.ExperimentConfig(
        train=experiment.TrainConfig(
            global_batch_size=3,
            phases=(experiment.PhaseConfig(10, global_batch_size=6), experiment.PhaseConfig(40)),
        )
    )
    found = recipes.curves(lines, phases_of(config))
    assert found["curve"] == [[1.0, 10, 5.0], [1.75, 40, 3.0]]
    assert found["evals"] == [[1.0, 10, 4.5], [1.75, 40, 2.5]]
    assert found["scores"] == {"masked_lm_loss": 2.5, "masked_lm_accuracy": 0.4}


@pytest.fixture(scope="module")
def compared(work, tmp_path_factory):
    """Two recipes, 16 tokens for a second and 10 steps of 16 tokens before 10 of 32; the table."""
    folder = tmp_path_factory.mktemp("recipes")
    plain = config_text("pretraining")
    phases = (
        "PhaseConfig(num_train_steps=10, max_seq_length=16, max_predictions_per_seq=3), "
        "PhaseConfig(num_train_steps=10)"
    )
    phased = plain.replace("num_train_steps=20", f"phases=({phases})")
    short = plain.replace("max_seq_length=32", "max_seq_length=16").replace(
        "Config(max_predictions", "Config(next_sentence=False, max_predictions"
    )
    for name, text in (("phased", phased), ("short", short)):
        (folder / f"{name}.py").write_text(text)
    flags = {
        "recipes": f"{folder}/phased.py,{folder}/short.py",
        "input": work / "train.txt",
        "valid_input": work / "valid.txt",
        "vocab_file": work / "vocab",
        "work_dir": folder / "work",
        "minutes": 0.1,
        "max_seq_length": 32,
        "output": folder / "result.json",
    }
    return folder, flags, ok_here("benchmark", "recipe", **flags)


def test_each_recipe_is_scored_on_the_same_stored_examples(compared):
    folder, _, output = compared
    result = json.loads((folder / "result.json").read_text())["recipes"]
    assert list(result) == ["phased", "short"]
    assert result["phased"]["curve"][-1][1] == 20
    for one in result.values():
        assert f"{one['scores']['masked_lm_loss']:.3f}" in output
        assert one["curve"] == sorted(one["curve"]) and one["curve"][-1][0] < 10  # minutes
    printed = ok_here(
        "evaluate",
        model=folder / "work" / "short" / "run",  # trained on rows half as long
        data=folder / "work" / "data" / "valid_next_sentence_32_static",
    )
    assert f"masked_lm_loss: {result['short']['scores']['masked_lm_loss']:.4f}" in printed


def test_what_is_finished_is_not_done_again(compared):
    folder, flags, _ = compared
    first = json.loads((folder / "result.json").read_text())["recipes"]
    flags = {**flags, "recipes": f"{folder}/short.py", "output": folder / "again.json"}
    ok_here("benchmark", "recipe", **flags)
    again = json.loads((folder / "again.json").read_text())["recipes"]
    assert again == {"short": first["short"]}


def test_a_config_that_does_not_exist_is_named(work, tmp_path):
    process = run_here(
        "benchmark",
        "recipe",
        recipes=tmp_path / "none.py",
        input=work / "train.txt",
        valid_input=work / "valid.txt",
        vocab_file=work / "vocab",
        work_dir=tmp_path / "work",
        max_seq_length=32,
    )
    assert process.returncode == 1 and "none.py is not a config file" in process.stderr


def test_a_finished_recipe_is_not_taken_for_one_with_other_settings(compared):
    folder, flags, _ = compared
    flags = {**flags, "recipes": f"{folder}/short.py", "minutes": 0.2}
    process = run_here("benchmark", "recipe", **flags)
    assert process.returncode == 1
    assert "holds a different run: train.time_budget_minutes was 0.1, now 0.2" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    "names, message",
    [(("a/x.py", "b/x.py"), "two recipes are called x"), ((), "no recipe was given")],
)
def test_recipes_are_told_apart_by_their_names(tmp_path, names, message):
    for name in names:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(config_text("pretraining"))
    with pytest.raises(ValueError, match=message):
        recipes.run(
            [str(tmp_path / name) for name in names],
            text=recipes.Text(["none.txt"], ["none.txt"], "none"),
            work_dir=str(tmp_path / "work"),
            minutes=1.0,
        )


def test_the_rate_of_the_fine_tuning_is_the_best_of_the_first_seed(tmp_path, monkeypatch):
    asked = []

    def fine_tune(self, name, sst2, seed, rate):
        asked.append((seed, rate))
        return {1e-4: 0.6, 3e-4: 0.8, 1e-3: 0.7}[rate] + seed / 100

    monkeypatch.setattr(recipes._Work, "_fine_tune", fine_tune)
    work = recipes._Work(str(tmp_path), "vocab")
    found = work.fine_tune_at_best_rate("plain", None, (5, 6))
    assert found == {"fine_tuning_rate": 3e-4, "accuracies": [0.8 + 0.05, 0.8 + 0.06]}
    assert asked == [(5, 1e-4), (5, 3e-4), (5, 1e-3), (6, 3e-4)]
