"""Settings of a trained model that the command line may change."""

import dataclasses
from collections.abc import Mapping

from bert_tf.config import as_json
from bert_tf.config.task import Settings


def changed(settings: Settings, given: Mapping[str, str]) -> Settings:
    """Changes settings in `Settings.READING` to the values of the command line.

    Args:
      settings: of the model.
      given: {name after `--config.task.`: text of the value}.

    Raises:
      ValueError: another setting, or a bad value.
    """
    values, names = {}, settings.READING
    for name, text in given.items():
        where = f"--config.task.{name}={text}"
        if name not in names:
            raise ValueError(
                f"{where}: a trained model keeps its settings. For a {settings.name} model you can "
                f"change only the settings of reading a file: {', '.join(names) or 'none'}."
            )
        values[name] = as_json.parse_setting(type(settings), name, text, where)
    return dataclasses.replace(settings, **values)
