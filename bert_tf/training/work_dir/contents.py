"""The work directory of a run: which run it belongs to, and the run data in a checkpoint."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from bert_tf import files, machine
from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.config.old_names import from_version_1
from bert_tf.config.task import Facts
from bert_tf.training.step import TrainState
from bert_tf.training.work_dir import checkpoint
from bert_tf.training.work_dir.history import History

# These may differ between the run that wrote a checkpoint and the one that continues it.
_FREE = (
    "checkpoint_every",
    "distill.store_up_to_mb",
    "distill.teacher_outputs",
    "early_stop_patience",
    "eval_batch_size",
    "eval_every",
    "jit_compile",
    "keep_best",
    "keep_checkpoints",
    "model_from_best",
    "num_micro_batches",
    "on_spike",
    "recompute",
    "spike_factor",
    "steps_per_loop",
    "task.skip_damaged_records",
)
_OF_TRAIN = re.compile(r"^train\.(phases\.\d+\.)?")


def checkpoints_of(work_dir: str) -> str:
    """The folder with the checkpoints of a work directory."""
    return tf.io.gfile.join(work_dir, "checkpoints")


def check(work_dir: str, config: ExperimentConfig, facts: Facts) -> None:
    """Refuses settings that differ from those of the checkpoints that are there.

    Args:
      work_dir: the folder.
      config: the settings of the run.
      facts: what the run found in its data. Files of version 1 keep facts among the settings; only
        these are compared. In later versions the identity of the data covers them.

    Raises:
      ValueError: another run has begun in this folder.
    """
    if tf.io.gfile.exists(work_dir) and not tf.io.gfile.isdir(work_dir):
        raise ValueError(f"{work_dir} is a file; --work_dir expects a folder.")
    found = (
        _old_settings(work_dir, type(config))
        if tf.io.gfile.exists(checkpoints_of(work_dir))
        else None
    )
    if found is None:
        return
    old_settings, old_facts = found
    # Through JSON, because a tuple comes back as a list.
    old = _as_json(as_json.to_dict(old_settings.for_encoder()))
    new = _as_json(as_json.to_dict(config.for_encoder()))
    _compare_as_facts(old_facts, _as_json(as_json.to_dict(facts)), old, new)
    differing = differences(old, new)
    refused = [d for d in differing if _OF_TRAIN.sub("", d[0]) not in _FREE]
    if refused:
        changes = "; ".join(f"{key} was {old!r}, now {new!r}" for key, old, new in refused)
        raise ValueError(
            f"{work_dir} holds a different run: {changes}. Choose another --work_dir, or go on "
            "with the old settings."
        )
    for key, old_value, new_value in differing:
        logging.info("continuing with %s = %r (was %r)", key, new_value, old_value)


def _old_settings(
    work_dir: str, kind: type[ExperimentConfig]
) -> tuple[ExperimentConfig, dict[str, Any]] | None:
    """The settings of the run that began here, and the facts that version 1 kept among them.

    They stand in config.json. A power failure can leave that file empty; the checkpoints hold the
    settings too. None if nothing says them.
    """
    path = tf.io.gfile.join(work_dir, "config.json")
    try:
        values = files.read_json(path)
    except (FileNotFoundError, ValueError) as error:
        found = checkpoint.newest_info(checkpoints_of(work_dir)) or {}
        if "config" not in found:
            if isinstance(error, FileNotFoundError):
                return None
            raise
        logging.warning("%s The settings are those of the newest checkpoint.", error)
        where = f"{checkpoints_of(work_dir)}: config"
        return as_json.from_dict(kind, found["config"], where), {}
    is_old = values.get("format_version", 1) == 1
    facts = _as_json(from_version_1(values)[1]) if is_old else {}
    return as_json.from_json(kind, path), facts


def _compare_as_facts(
    old_facts: dict[str, Any], facts: dict[str, Any], old: dict[str, Any], new: dict[str, Any]
) -> None:
    """Replaces settings by the facts of the same name, as version 1 stored them.

    Args:
      old_facts, facts: those of the file, and of the run.
      old, new: the settings of both, which change.
    """
    for name, value in old_facts.items():
        section = "data" if name == "widths" else "task"
        if name in old[section] and name in new[section]:
            old[section][name], new[section][name] = value, facts[name]


def write_config(work_dir: str, config: ExperimentConfig) -> None:
    """Writes the resolved config."""
    tf.io.gfile.makedirs(work_dir)
    files.write_whole(tf.io.gfile.join(work_dir, "config.json"), as_json.to_json(config))


def describe(
    state: TrainState,
    config: ExperimentConfig,
    made_of: Mapping[str, str],
    history: History,
    num_replicas: int,
) -> dict[str, Any]:
    """The run data in the JSON of a checkpoint, besides its files."""
    return {
        "config": as_json.to_dict(config),
        "made_of": dict(made_of),
        "rows_consumed": int(state.rows_consumed.numpy()),
        "history": dataclasses.asdict(history),
        "machine": {**machine.describe_run(), "replicas": num_replicas},
    }


def restore(
    state: TrainState,
    work_dir: str,
    config: ExperimentConfig,
    *,
    made_of: Mapping[str, str],
    num_replicas: int,
    initialize: Callable[[keras.Model], None] | None,
) -> History | None:
    """Fills `state` from the newest whole checkpoint; without one, calls `initialize` if given.

    Returns:
      The history in the checkpoint; None without a checkpoint.

    Raises:
      ValueError: the checkpoint is of other training data, weights or words than `made_of` says.
    """
    found = checkpoint.find_latest(checkpoints_of(work_dir))
    if found is None:
        if initialize is not None:
            initialize(state.model)
        return None
    path, info = found
    _check_made_of(path, info, made_of)
    history = load(path, info, state, config)
    logging.info("continuing from %s", path)
    now = _as_json({**machine.describe_run(), "replicas": num_replicas})
    for key, old, new in differences(info.get("machine", now), now):
        logging.warning("%s was %r, now %r: the last digits may differ", key, old, new)
    for skip in history.skipped:
        logging.info(_SKIPPED, *skip.values())
    return history


def _check_made_of(path: str, info: dict[str, Any], made_of: Mapping[str, str]) -> None:
    # Checkpoints of the first versions know of their data alone.
    old = info["made_of"] if "made_of" in info else {"data": info["data_id"]}
    for name, now in made_of.items():
        if old.get(name, now) != now:
            raise ValueError(
                f"{path} was trained with other {name} ({old[name] or 'none'}) than is given now "
                f"({now or 'none'}). Choose another --work_dir, or the {name} of that run."
            )


_SKIPPED = "after step %d rows %d to %d were passed over: %s"


def load(path: str, info: dict[str, Any], state: TrainState, config: ExperimentConfig) -> History:
    """Fills `state` from the checkpoint at `path`. The position in the data is that of its JSON."""
    checkpoint.restore(path, state.variables())
    state.rows_consumed.assign(info["rows_consumed"])
    return History.from_info(info, config.train)


def skip_rows(state: TrainState, history: History, to_row: int, reason: str) -> dict:
    """Moves the position in the data to `to_row`; returns the entries for the newest JSON."""
    skip = {
        "step": int(state.step.numpy()),
        "from_row": int(state.rows_consumed.numpy()),
        "to_row": to_row,
        "reason": reason,
    }
    logging.warning(_SKIPPED, *skip.values())
    history.skipped.append(skip)
    state.rows_consumed.assign(to_row)
    return {"rows_consumed": to_row, "history": dataclasses.asdict(history)}


def _as_json(values: dict) -> dict:
    """The values as they come back from a file: a tuple as a list."""
    return json.loads(json.dumps(values))


def _numbered(value: Any) -> Any:
    """A list of objects as an object with their numbers as keys."""
    is_list_of_dicts = isinstance(value, list) and value and isinstance(value[0], dict)
    return {str(n): item for n, item in enumerate(value)} if is_list_of_dicts else value


def differences(old: dict, new: dict, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """(dotted key, old, new) for every leaf that differs."""
    found = []
    for key in sorted(set(old) | set(new)):
        a, b = _numbered(old.get(key)), _numbered(new.get(key))
        if isinstance(a, dict) and isinstance(b, dict):
            found += differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append((prefix + key, a, b))
    return found
