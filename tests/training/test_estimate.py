"""What a run is said to need."""

import pytest

from bert_tf import machine
from bert_tf.config.experiment import (
    BertConfig,
    DataConfig,
    ExperimentConfig,
    TrainConfig,
)
from bert_tf.tasks import pretraining
from bert_tf.training import estimate
from bert_tf.training.phases import phases_of


def config(**train):
    return ExperimentConfig(
        model=BertConfig(
            vocab_size=100,
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=16,
        ),
        data=DataConfig(max_seq_length=16),
        task=pretraining.Config(max_predictions_per_seq=4),
        train=TrainConfig(**{"global_batch_size": 8, **train}),
    )


def test_activations_follow_the_paper_and_the_parts_of_the_batch():
    """Korthikanti et al. 2022: s b h (34 + 5 a s / h) bytes a layer for values of 2 bytes, F = 4 D;
    one byte per element of a dropout mask is counted there, a whole value here."""
    of_paper = 16 * 8 * 8 * (34 + 5 * 2 * 16 / 8)
    logits = 3 * 4 * 8 * 4 * 100
    half = estimate.activation_bytes(config(dtype="mixed_bfloat16"), 1) - logits
    assert abs(half / (2 * of_paper) - 1) < 0.15
    whole = estimate.activation_bytes(config(), 1)
    assert whole == 2 * half + logits
    assert estimate.activation_bytes(config(num_micro_batches=2), 2) == whole / 4
    inputs = 2 * 4 * 8 * 16 * 8  # of two blocks
    assert estimate.activation_bytes(config(recompute=True), 1) == (whole + logits) / 2 + inputs


def test_the_forecast_names_rows_time_and_checkpoints():
    lines = "\n".join(
        estimate.forecast(
            phases_of(config(keep_best="loss")),
            step=400,
            total=1000,
            seconds_per_step=0.5,
            loss=7.0,
            work_dir="work",
            variables={},
            evaluates=True,
        )
    )
    assert "after step 400 to step 1000, with 8 rows a step: 4,800 rows" in lines
    assert "5:00 in all" in lines
    assert "every 1000 steps and at the end, and keep 3" in lines


def test_a_step_that_can_never_fit_is_refused_before_anything_is_compiled():
    with pytest.raises(ValueError, match="would run out of memory: it needs about .* GB"):
        machine.check_memory(1e18, "a step", "Lower it.")
    machine.check_memory(1e9, "a step", "Lower it.")
