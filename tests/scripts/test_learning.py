"""A thousand steps of pretraining, in a process that XLA may optimize: they are worth its time."""

import json

from tests.scripts.conftest import run_ok


def test_it_learns_what_can_be_learned(work, tmp_path):
    """Next sentences of these documents are about the same animal: better than chance by far."""
    changes = {
        "model.num_hidden_layers": 2,
        "model.hidden_size": 64,
        "model.intermediate_size": 128,
        "model.hidden_dropout_prob": 0.0,
        "model.attention_probs_dropout_prob": 0.0,
        "optimizer.learning_rate": 3e-3,
        "train.num_train_steps": 1000,
        "train.steps_per_loop": 100,
    }
    run_ok(
        "pretrain",
        environment={"XLA_FLAGS": "--xla_llvm_disable_expensive_passes=true"},
        config=work / "pretraining.py",
        train_data=work / "train",
        eval_data=work / "train",
        work_dir=tmp_path,
        **{f"config.{name}": value for name, value in changes.items()},
    )
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())["eval"]
    assert metrics["next_sentence_accuracy"] > 0.75
    assert metrics["masked_lm_accuracy"] > 0.36  # always guessing "the": 0.22
