"""Makes the stored checkpoint beside this file, which every later version must load.

    python -m tests.testdata.make_checkpoint

Run it only for a new format_version, into a folder of its own: the old files stay for ever.

A BERT of 1 layer, hidden size 8 and 20 tokens with both heads, its weights all random:
    v1/model/         a model folder
    v1/checkpoints/   a training checkpoint: weights, slots of the optimizer, counters
    v1/expected.json  a batch, the outputs of the model for it, and the sums of the checkpoint
"""

import json
import pathlib

import numpy as np
import tensorflow as tf

from bert_tf import model_folder
from bert_tf.config import as_json
from bert_tf.config.experiment import BertConfig, DataConfig, ExperimentConfig
from bert_tf.tasks import pretraining
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from bert_tf.training.step import TrainState
from bert_tf.training.work_dir import checkpoint

FOLDER = pathlib.Path(__file__).parent / "v1"
WORDS = [
    "the",
    "cat",
    "dog",
    "sat",
    "ran",
    "on",
    "mat",
    "a",
    "##s",
    "##ed",
    ",",
    ".",
    "?",
    "home",
    "big",
]
INPUTS = {
    "input_ids": [[2, 5, 6, 8, 3, 15, 4, 3], [2, 12, 7, 9, 3, 0, 0, 0]],
    "input_mask": [[1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0, 0]],
    "segment_ids": [[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0]],
    "masked_lm_positions": [[2, 6], [1, 0]],
}


def experiment_config() -> ExperimentConfig:
    """The config of the stored model."""
    model = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8,
    )
    task = pretraining.Config(max_predictions_per_seq=2)
    return ExperimentConfig(model=model, data=DataConfig(max_seq_length=8), task=task)


def make_state() -> tuple:
    """(task, state) with random weights and slots."""
    config = experiment_config()
    vocabulary = Vocabulary([*SPECIAL_TOKENS, *WORDS])
    task = make_task(config, WordPieceTokenizer(vocabulary))
    return task, TrainState.create(task, config)


def sums(variables) -> dict[str, float]:
    """{path: sum of the absolute values}."""
    return {
        path: float(np.abs(variable.numpy().astype(np.float64)).sum())
        for path, variable in variables.items()
    }


def main() -> None:
    if FOLDER.exists():
        raise SystemExit(f"{FOLDER} exists and must stay as it is. Choose a new folder.")
    task, state = make_state()
    random = np.random.default_rng(0)
    for path, variable in sorted(state.variables().items()):
        if variable.dtype == tf.float32:
            offset = 1.0 if path.endswith("gamma") else 0.0
            variable.assign(offset + random.normal(scale=0.3, size=variable.shape))
    state.step.assign(2)
    state.rows_consumed.assign(64)
    FOLDER.mkdir()
    model_folder.save(str(FOLDER / "model"), task, state.model, {"eval": {}})
    info = {"config": as_json.to_dict(task.config), "data_id": "none", "rows_consumed": 64}
    checkpoint.save(str(FOLDER / "checkpoints"), 2, state.variables(), info, keep=1)
    outputs = state.model({name: tf.constant(value) for name, value in INPUTS.items()})
    expected = {
        "inputs": INPUTS,
        "outputs": {name: value.numpy().tolist() for name, value in outputs.items()},
        "sums": sums(state.variables()),
    }
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
