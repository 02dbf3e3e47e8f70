"""Data sets of TensorFlow Datasets; `tfds:name/split` stands where a path is expected."""

from collections.abc import Sequence

import tensorflow as tf

PREFIX = "tfds:"


def load(path: str, features: Sequence[str]) -> tuple[tf.data.Dataset, dict]:
    """Opens a data set of TensorFlow Datasets.

    Args:
      path: `tfds:name/split`. The name can include a config: `tfds:glue/mrpc/train`.
      features: the features to keep of each example.

    Returns:
      The examples as dicts, in the order of storage; a dict that identifies the data set.

    Raises:
      ValueError: the package is not installed, or the name or a feature is unknown.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ValueError(
            f"{path} needs the package tensorflow-datasets: pip install 'bert-tf[tfds]' ({error})"
        ) from error
    name, _, split = path.removeprefix(PREFIX).rpartition("/")
    if not name:
        raise ValueError(f"{path}: expected tfds:name/split, for example tfds:ag_news_subset/train")
    try:
        config = tfds.ReadConfig(interleave_cycle_length=1)  # otherwise threads change the order
        data_set, info = tfds.load(
            name, split=split, with_info=True, shuffle_files=False, read_config=config
        )
    except Exception as error:  # the package raises many classes of its own
        raise ValueError(f"{path}: cannot be loaded ({error})") from error
    found = sorted(data_set.element_spec)
    for feature in features:
        if feature not in found:
            raise ValueError(f"{path}: the features are {found}; expected a feature {feature!r}")
    identity = {"name": str(info.full_name), "examples": info.splits[split].num_examples}
    return data_set.map(lambda example: {name: example[name] for name in features}), identity
