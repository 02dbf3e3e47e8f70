"""Settings of a trained model that the command line may change."""

import dataclasses
from collections.abc import Mapping

from bert_tf.config import as_json
from bert_tf.config.task import Settings


def changed(settings: Settings, given: Mapping[str, str]) -> Settings:
    """The settings with those of the command line, of `Settings.READING`.

    Args:
      settings: of the model.
      given: {setting: text}, what stands behind `--config.task.`.

    Raises:
      ValueError: another setting, or a bad value.
    """
    values, names = {}, settings.READING
    for name, text in given.items():
        where = f"--config.task.{name}={text}"
        if name not in names:
            raise ValueError(
                f"{where}: a trained model keeps its settings; of a {settings.name} model only "
                f"those may change that say how a file is read: {', '.join(names) or 'none'}."
            )
        values[name] = as_json.parse_setting(type(settings), name, text, where)
    return dataclasses.replace(settings, **values)
