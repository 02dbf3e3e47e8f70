"""What a sentence-transformers folder (versions 2 to 6) does to the tokens of an encoder.

modules.json lists the steps from a text to its vector. Pooling of every mode and Normalize are
honoured, other steps refused: a vector without them would be another one.
"""

from typing import Any

from bert_tf.checkpoints.source_files import Files
from bert_tf.files import parse_json, read_json, read_text

_MODULES, _SETTINGS = "modules.json", "config_sentence_transformers.json"
_LENGTH = "sentence_bert_config.json"
_LONGEST = 10_000_000
# {mode as versions up to 5 spell it, as a flag; in version 6 without `_tokens`: ours}.
_MODES = {
    "cls_token": "cls",
    "max_tokens": "max",
    "mean_tokens": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
    "weightedmean_tokens": "weighted_mean",
    "lasttoken": "last",
}
_NEW_MODES = {
    "cls": "cls",
    "max": "max",
    "mean": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
    "weightedmean": "weighted_mean",
    "lasttoken": "last",
}
_READ = "Transformer, Pooling and Normalize"


def read(files: Files) -> dict[str, Any]:
    """`pooling`, `normalize` and `prompt` of the embedding task; empty if it is no such folder.

    Raises:
      ValueError: a file is damaged, or there is a step that bert_tf does not do.
    """
    steps = _steps(files)
    path = files.find(f"{steps.get('Pooling', '1_Pooling')}/config.json")
    if path is None:
        if "Pooling" in steps:
            raise ValueError(f"{files.folder}/{steps['Pooling']}/config.json is missing.")
        return {}
    values = read_json(path)
    prompt = _prompt(files)
    if prompt and values.get("include_prompt") is False:
        raise ValueError(
            f"{path}: include_prompt is false; bert_tf reads true: the pooling sees the prompt too."
        )
    return {"pooling": _pooling(values, path), "normalize": "Normalize" in steps, "prompt": prompt}


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


def _steps(files: Files) -> dict[str, str]:
    """{class of a step: its folder}, in order; without modules.json those of older folders."""
    path = files.find(_MODULES)
    if path is None:
        return {}
    modules = parse_json(read_text(path), f"{path}: expected a list of modules, this is")
    if not isinstance(modules, list) or not all(
        isinstance(m, dict) and isinstance(m.get("type"), str) and isinstance(m.get("path"), str)
        for m in modules
    ):
        raise ValueError(f"{path}: expected a list of objects with type and path.")
    steps = {module["type"].rpartition(".")[2]: module["path"] for module in modules}
    for module in modules:
        if module["type"].rpartition(".")[2] not in ("Transformer", "Pooling", "Normalize"):
            raise ValueError(
                f"{path}: the module {module['type']} ({module['path']}) makes another vector of "
                f"the encoder's; bert_tf reads {_READ}."
            )
    order = ["Transformer", "Pooling", "Normalize"][: len(modules)]
    if list(steps) != order:
        raise ValueError(f"{path}: the modules are {', '.join(steps)}; bert_tf reads {_READ}.")
    return steps


def _pooling(values: dict[str, Any], path: str) -> str:
    given = values.get("pooling_mode")
    if given is None:
        chosen = [mode for key, mode in _MODES.items() if values.get(f"pooling_mode_{key}")]
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


def _prompt(files: Files) -> str:
    """The text that stands before every text by default; other prompts are for the caller."""
    settings = files.json(_SETTINGS)
    name, prompts = settings.get("default_prompt_name"), settings.get("prompts") or {}
    if name is None:
        return ""
    prompt = prompts.get(name) if isinstance(prompts, dict) else None
    if not isinstance(prompt, str):
        raise ValueError(
            f"{files.folder}/{_SETTINGS}: default_prompt_name is {name!r:.40}, which is none of "
            "the prompts."
        )
    return prompt
