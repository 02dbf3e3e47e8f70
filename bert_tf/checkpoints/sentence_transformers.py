"""What a sentence-transformers folder (versions 2 to 6) does to the tokens of an encoder.

modules.json lists the steps from a text to its vector. Pooling of every mode, Dense, LayerNorm,
Normalize and Dropout are honoured and written back; other steps are refused, because a vector
without them would be another one. The steps behind the pooling are in
`sentence_transformers_modules.py`.
"""

import dataclasses
import posixpath
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from bert_tf.checkpoints import sentence_transformers_modules as steps
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.mapping import Row, Weights
from bert_tf.checkpoints.source_files import Files, write_json
from bert_tf.config.task import Facts, Settings
from bert_tf.files import parse_json, read_json, read_text, write_whole
from bert_tf.layers.vector_modules import NORMALIZE, VectorModule
from bert_tf.models.model import EncoderConfig
from bert_tf.tokenization.tokenizer import Tokenizer

_MODULES, _SETTINGS = "modules.json", "config_sentence_transformers.json"
_LENGTH = "sentence_bert_config.json"
_LONGEST = 10_000_000
# {mode as versions up to 5 spell it, as a flag: (ours, as version 6 spells it)}. The flags stand in
# the order in which the modes are joined.
_MODES = {
    "cls_token": ("cls", "cls"),
    "max_tokens": ("max", "max"),
    "mean_tokens": ("mean", "mean"),
    "mean_sqrt_len_tokens": ("mean_sqrt_len", "mean_sqrt_len_tokens"),
    "weightedmean_tokens": ("weighted_mean", "weightedmean"),
    "lasttoken": ("last", "lasttoken"),
}
_NEW_MODES = {new: ours for ours, new in _MODES.values()}
_PACKAGE = "sentence_transformers."


@dataclasses.dataclass(frozen=True)
class Found:
    """What a folder adds to the checkpoint of its encoder.

    Attributes:
      settings: `pooling`, `normalize` and `prompt` of the embedding task.
      facts: fields of the facts of the task.
      weights: {variable path: reader} of the modules.
      rows: what became of each of their tensors.
    """

    settings: Mapping[str, Any]
    facts: Mapping[str, Any]
    weights: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    rows: tuple[Row, ...] = ()

    def task(self, plain: Settings, data: Any) -> tuple[Settings, Facts]:
        """Settings and facts of the embedding task with all that was found."""
        task = dataclasses.replace(plain, **self.settings)
        return task, dataclasses.replace(task.given_facts(data), **self.facts)

    def with_weights(self, weights: Weights) -> Weights:
        """The encoder's weights and those of the modules."""
        return weights.replaced(self.weights)


def read(files: Files, config: EncoderConfig, tokenizer: Tokenizer) -> Found:
    """What the folder says; nothing if it is none of sentence-transformers.

    Raises:
      ValueError: a file is damaged or missing, or there is a step that bert_tf does not do.
    """
    modules = _modules(files)
    if len(modules) == 1:
        raise ValueError(
            f"{files.folder}/{_MODULES}: expected Pooling behind Transformer, nothing is."
        )
    pooling_folder = modules[1][1] if modules else "1_Pooling"
    path = files.find(f"{pooling_folder}/config.json")
    if path is None:
        if modules:
            raise ValueError(f"{files.folder}/{pooling_folder}/config.json is missing.")
        return Found({}, {})
    values = read_json(path)
    pooling = _pooling(values, path)
    size = config.hidden_size * len(pooling.split("+"))
    behind = steps.read(files, modules[2:], size)
    normalize = bool(behind.modules) and behind.modules[-1].kind == NORMALIZE
    prompt, kept = _prompt(files)
    facts = {
        "modules": behind.modules[:-1] if normalize else behind.modules,
        "pooled_from": _pooled_from(values, path, prompt, tokenizer),
        "sentence_transformers": kept,
    }
    _check_lower(files, tokenizer)
    settings = {"pooling": pooling, "normalize": normalize, "prompt": prompt}
    return Found(settings, facts, behind.readers, behind.rows)


def read_length(files: Files) -> int | None:
    """The longest text; None if the folder does not say.

    Raises:
      ValueError: it is no length.
    """
    length = files.json(_LENGTH).get("max_seq_length")
    if length is None:
        return None
    if type(length) is not int or not 2 < length <= _LONGEST:
        raise ValueError(
            f"{files.folder}/{_LENGTH}: max_seq_length is {length!r:.40}; expected 3 to "
            f"{_LONGEST:,}."
        )
    return length


def _modules(files: Files) -> list[tuple[str, str]]:
    """(class, folder) of each module in order; without modules.json none.

    Raises:
      ValueError: a damaged file, a class that is not of sentence-transformers, or another order
        than Transformer, Pooling and what follows it.
    """
    path = files.find(_MODULES)
    if path is None:
        return []
    modules = parse_json(read_text(path), f"{path}: expected a list of modules, this is")
    if (
        not isinstance(modules, list)
        or not modules
        or not all(
            isinstance(m, dict)
            and isinstance(m.get("type"), str)
            and isinstance(m.get("path"), str)
            for m in modules
        )
    ):
        raise ValueError(f"{path}: expected a list of objects with type and path.")
    found = []
    for module in modules:
        name, folder = module["type"].rpartition(".")[2], module["path"]
        known = ("Transformer", "Pooling", *steps.CLASSES)
        if name not in known or not module["type"].startswith(_PACKAGE):
            raise ValueError(
                f"{path}: the module {module['type']} ({folder}) makes another vector of "
                f"the encoder's; bert_tf reads {', '.join(known)}."
            )
        if folder.startswith("/") or ".." in folder.split("/"):
            raise ValueError(f"{path}: path is {folder!r:.60}; expected a folder inside this one.")
        found.append((name, folder))
    names = [name for name, _ in found]
    if names[:2] != ["Transformer", "Pooling"][: len(names)] or set(names[2:]) & set(known[:2]):
        raise ValueError(
            f"{path}: the modules are {', '.join(names)}; bert_tf reads Transformer, Pooling, and "
            "behind them what else there is."
        )
    if found[0][1]:
        raise ValueError(
            f"{path}: the encoder is in {found[0][1]}; bert_tf reads it in the folder of "
            f"{_MODULES}, where versions from 2 on write it."
        )
    return found


def _pooling(values: Mapping[str, Any], path: str) -> str:
    given = values.get("pooling_mode")
    if given is None:
        chosen = [ours for key, (ours, _) in _MODES.items() if values.get(f"pooling_mode_{key}")]
        return "+".join(chosen or ["mean"])
    modes = [given] if isinstance(given, str) else given
    if (
        not isinstance(modes, list)
        or not modes
        or not all(isinstance(mode, str) and mode in _NEW_MODES for mode in modes)
    ):
        raise ValueError(
            f"{path}: pooling_mode is {given!r:.60}; bert_tf reads {', '.join(_NEW_MODES)}."
        )
    return "+".join(_NEW_MODES[mode] for mode in modes)


def _prompt(files: Files) -> tuple[str, dict[str, Any]]:
    """The text before every text by default, and all settings; other prompts are the caller's."""
    settings = files.json(_SETTINGS)
    name, prompts = settings.get("default_prompt_name"), settings.get("prompts") or {}
    if name is None:
        return "", settings
    has_name = isinstance(name, str) and isinstance(prompts, dict)
    prompt = prompts.get(name) if has_name else None
    if not isinstance(prompt, str):
        raise ValueError(
            f"{files.folder}/{_SETTINGS}: default_prompt_name is {name!r:.40}, which is none of "
            "the prompts."
        )
    return prompt, settings


def _pooled_from(values: Mapping[str, Any], path: str, prompt: str, tokenizer: Tokenizer) -> int:
    """How many first tokens are not pooled: [CLS] and the prompt, if the folder leaves it out."""
    include = values.get("include_prompt", True)
    if not isinstance(include, bool):
        raise ValueError(f"{path}: include_prompt is {include!r:.40}; expected true or false.")
    if include or not prompt:
        return 0
    return len(tokenizer.layout.before) + int(tf.size(tokenizer.tokenize(prompt)))


def _check_lower(files: Files, tokenizer: Tokenizer) -> None:
    """Refuses to put texts into lower case where the tokenizer does not."""
    lower = files.json(_LENGTH).get("do_lower_case", False)
    if lower and not getattr(tokenizer, "do_lower_case", False):
        raise ValueError(
            f"{files.folder}/{_LENGTH}: do_lower_case is {lower!r:.40}; bert_tf reads false, or a "
            "tokenizer that has lower case itself."
        )


def write(checkpoint: Checkpoint, folder: str) -> list[Row]:
    """Writes the modules, if the checkpoint came from such a folder, as versions 2 to 6 read them.

    Returns:
      What became of each variable of the modules.
    """
    facts, task = checkpoint.facts, checkpoint.task
    kept = getattr(facts, "sentence_transformers", None)
    if kept is None:
        return []
    modules = facts.modules
    if task.normalize:
        size = modules[-1].size if modules else _pooled_size(checkpoint)
        modules = (*modules, VectorModule(NORMALIZE, size))
    names = ["Transformer", "Pooling", *(steps.class_of(module) for module in modules)]
    listed = [
        {
            "idx": i,
            "name": str(i),
            "path": f"{i}_{name}" if i else "",
            "type": f"{_PACKAGE}models.{name}",
        }
        for i, name in enumerate(names)
    ]
    for entry in listed[1:]:
        tf.io.gfile.makedirs(posixpath.join(folder, entry["path"]))
    write_whole(posixpath.join(folder, _MODULES), steps.as_text(listed))
    write_json(folder, f"{listed[1]['path']}/config.json", _pooling_values(checkpoint))
    write_json(folder, _SETTINGS, kept)
    length = {"max_seq_length": checkpoint.data.max_seq_length, "do_lower_case": False}
    write_json(folder, _LENGTH, length)
    places = [posixpath.join(folder, entry["path"]) for entry in listed[2:]]
    return steps.write(checkpoint.weights, modules, places, _pooled_size(checkpoint))


def _pooled_size(checkpoint: Checkpoint) -> int:
    return checkpoint.config.hidden_size * len(checkpoint.task.pooling.split("+"))


def _pooling_values(checkpoint: Checkpoint) -> dict[str, Any]:
    """config.json of the pooling: flags, as all versions read them, where they can say it."""
    modes = checkpoint.task.pooling.split("+")
    values: dict[str, Any] = {"word_embedding_dimension": checkpoint.config.hidden_size}
    in_order = [ours for ours, _ in _MODES.values() if ours in modes]
    if modes == in_order:
        values |= {f"pooling_mode_{key}": ours in modes for key, (ours, _) in _MODES.items()}
    else:
        spelled = {ours: new for new, ours in _NEW_MODES.items()}
        values["pooling_mode"] = [spelled[mode] for mode in modes]
    if checkpoint.facts.pooled_from:
        values["include_prompt"] = False
    return values
