"""Data sets of TensorFlow Datasets, named `tfds:name/split` where the path of a file could be."""

from collections.abc import Sequence

import tensorflow as tf

PREFIX = "tfds:"


def load(path: str, features: Sequence[str]) -> tuple[tf.data.Dataset, dict]:
    """The examples of `tfds:name/split` in the order of storage, and what identifies them.

    Args:
      path: `tfds:name/split`, the name with its config if it has some: `tfds:glue/mrpc/train`.
      features: those that the examples, dicts, are cut down to.

    Raises:
      ValueError: the package is not installed, the name is unknown, or one of the features is.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ValueError(
            f"{path} needs the package tensorflow-datasets: pip install 'bert-tf[tfds]' ({error})"
        ) from error
    name, _, split = path.removeprefix(PREFIX).rpartition("/")
    if not name:
        raise ValueError(f"{path}: tfds:name/split expected, for example tfds:ag_news_subset/train")
    try:
        config = tfds.ReadConfig(interleave_cycle_length=1)  # else the order depends on threads
        data_set, info = tfds.load(
            name, split=split, with_info=True, shuffle_files=False, read_config=config
        )
    except Exception as error:  # its own classes, many of them
        raise ValueError(f"{path}: cannot be loaded ({error})") from error
    found = sorted(data_set.element_spec)
    for feature in features:
        if feature not in found:
            raise ValueError(f"{path}: a feature {feature!r} expected, the features are {found}")
    identity = {"name": str(info.full_name), "examples": info.splits[split].num_examples}
    return data_set.map(lambda example: {name: example[name] for name in features}), identity
