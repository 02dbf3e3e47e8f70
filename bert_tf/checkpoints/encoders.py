"""Finds the encoder of another project's checkpoint, and the names of its tensors."""

from collections.abc import Iterator, Mapping
from typing import Any

from bert_tf import members
from bert_tf.files import read_json
from bert_tf.models.checkpoint_names import Names
from bert_tf.models.model import EncoderConfig


def read_config(path: str, *, is_hugging_face: bool = False) -> EncoderConfig:
    """Reads the config in another project's file. Its `model_type` names the encoder.

    Args:
      path: the file.
      is_hugging_face: whether it is Hugging Face's file, even if its keys do not show it. The same
        value can have another meaning in Google's files.

    Raises:
      ValueError: the file is missing or damaged, the encoder is unknown, or the encoder does not
        support a setting.
    """
    values = read_json(path)
    if "model_type" in values:
        # Published names can have hyphens, names of modules cannot: "xlm-roberta".
        name = str(values["model_type"]).replace("-", "_")
        try:
            module = members.find("models", name)
        except ValueError as error:
            raise ValueError(
                f"{path}: model_type is {values['model_type']!r}, an encoder that bert_tf does not "
                f"have. Known: {', '.join(members.known('models'))}. If it is a module of your "
                f"own, import it first: --members={name}."
            ) from error
        return module.Config.from_json(path)
    config_class = _class_of_untyped(values)
    if config_class is None:
        raise ValueError(f"{path}: model_type is missing; expected the name of an encoder.")
    if is_hugging_face and "format_version" not in values:
        name = members.name_of(config_class)
        return config_class.from_foreign({"model_type": name, **values}, path)
    return config_class.from_json(path)


def _class_of_untyped(values: Mapping[str, Any]) -> type[EncoderConfig] | None:
    """The most specific class that reads files with these keys and without `model_type`."""
    classes = (members.find("models", name).Config for name in members.known("models"))
    fitting = (
        cls for cls in classes if cls.READS_UNTYPED_FILES and set(cls.UNTYPED_KEYS) <= set(values)
    )
    return max(fitting, key=lambda cls: len(cls.UNTYPED_KEYS), default=None)


def names_of(config: EncoderConfig, format_name: str) -> Any:
    """The `Names` of a model in a format.

    Raises:
      ValueError: the model's CHECKPOINT_NAMES do not have the format.
    """
    found = _checkpoint_names(config.model_type)
    if format_name not in found:
        raise ValueError(
            f"{config.model_type} has no names for the format {format_name!r}. Known formats: "
            f"{', '.join(sorted(found)) or 'none'}. Add the names to its CHECKPOINT_NAMES."
        )
    return found[format_name]


def known(format_name: str) -> Iterator[tuple[type[EncoderConfig], Any]]:
    """Yields (config class, names) of each encoder in bert_tf that has names for the format."""
    for model_type in members.known("models"):
        names = _checkpoint_names(model_type).get(format_name)
        if names is not None:
            yield members.find("models", model_type).Config, names


def _checkpoint_names(model_type: str) -> dict[str, Names]:
    return getattr(members.find("models", model_type), "CHECKPOINT_NAMES", {})
