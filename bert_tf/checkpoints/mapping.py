"""Maps another project's tensors to our variables and back, with the rules of a model."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np

from bert_tf.checkpoints.model_variables import Variables
from bert_tf.models.checkpoint_names import Names, Rule
from bert_tf.models.model import EncoderConfig

# Encoders that share weights have more layers than tensors. No published encoder has more layers.
_LAYERS_WITHOUT_TENSORS = 64


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table that every conversion prints: a tensor and what happened to it."""

    theirs: str
    their_shape: tuple[int, ...] | None
    ours: str
    our_shape: tuple[int, ...] | None
    note: str = ""


class Weights(Mapping[str, np.ndarray]):
    """{variable path: float32 array}; each array is read from its file on access.

    A model is never in memory twice, because copies go through it one tensor at a time.
    """

    def __init__(self, readers: Mapping[str, Callable[[], np.ndarray]]):
        self._readers = dict(readers)

    def __getitem__(self, path: str) -> np.ndarray:
        """Raises ValueError for a tensor with NaN or infinity, because its answers mean nothing."""
        array = self._readers[path]()
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            count = int(np.count_nonzero(~np.isfinite(array)))
            raise ValueError(
                f"{path}: {count:,} of its {array.size:,} numbers are NaN or infinite. The weights "
                "are damaged, or their training diverged; take an earlier checkpoint."
            )
        return array

    def __contains__(self, path: object) -> bool:
        return path in self._readers

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def replaced(self, readers: Mapping[str, Callable[[], np.ndarray] | None]) -> "Weights":
        """A copy with some readers changed, added or removed (None)."""
        merged = {**self._readers, **readers}
        return Weights({path: reader for path, reader in merged.items() if reader is not None})


@dataclasses.dataclass(frozen=True)
class Tensors:
    """The tensors of a file of another project.

    Attributes:
      shapes: {name in the rules: shape}.
      read: name -> array.
      source: of the tensors, for messages.
      ignored: {name: why it is left out}.
    """

    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], np.ndarray]
    source: str
    ignored: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One tensor that is written.

    Attributes:
      theirs, shape: its name and shape in the file.
      ours, our_shape: the path and shape of its variable.
      read: returns its array.
    """

    theirs: str
    shape: tuple[int, ...]
    ours: str
    our_shape: tuple[int, ...]
    read: Callable[[], np.ndarray]

    @property
    def row(self) -> Row:
        """Its line in the table."""
        return Row(self.theirs, self.shape, self.ours, self.our_shape)


def by_name(rules: Collection[Rule], num_layers: int) -> dict[str, Rule]:
    """{their name: rule}, with one entry for every layer."""
    return {rule.theirs: rule for r in rules for rule in r.for_layers(num_layers)}


def check_layers(rules: Collection[Rule], tensors: Tensors, config: EncoderConfig) -> None:
    """Compares the config's number of layers with the tensors. Do this before building the model.

    Raises:
      ValueError: the tensors have more layers, or are too few for this number of layers.
    """
    shapes, source, count = tensors.shapes, tensors.source, config.num_hidden_layers
    key = config.SIZE_FIELDS[2]  # as its file spells the number of layers
    if count > max(len(shapes), _LAYERS_WITHOUT_TENSORS):
        raise ValueError(
            f"{source}: {len(shapes)} tensors, but the config says {key} {count}: "
            "variables of the encoder are missing."
        )
    here, more = by_name(rules, count), by_name(rules, count + 1)
    beyond = sorted(name for name in shapes if name in more and name not in here)
    if beyond:
        raise ValueError(
            f"{source}: found {beyond[0]}, but the config says {key} {count}. Expected "
            "weights and config of the same model."
        )


def paths_in(rules: Collection[Rule], tensors: Tensors, num_layers: int) -> set[str]:
    """The paths of our variables in the tensors, from the rules only."""
    table = by_name(rules, num_layers)
    names = (name for name in tensors.shapes if name in table and name not in tensors.ignored)
    return {table[name].ours for name in names}


def num_labels(names: Names, tensors: Tensors) -> int:
    """L of the classifier in the tensors; 0 without a classifier."""
    given = (names.labels,) if isinstance(names.labels, str) else names.labels
    return next((tensors.shapes[name][-1] for name in given if name in tensors.shapes), 0)


def read(
    rules: Collection[Rule], tensors: Tensors, variables: Variables, config: EncoderConfig
) -> tuple[Weights, list[Row]]:
    """Reads their tensors as our variables.

    Args:
      rules: of the model in this format.
      tensors: the tensors in the file.
      variables: of the built model.
      config: of the encoder; has the numbers of layers and of attention heads.

    Returns:
      The weights, read on access, and what happened to each tensor.

    Raises:
      ValueError: a shape differs from the model's, two tensors are the same variable, or a variable
        of the encoder is missing.
    """
    places = _places(rules, tensors, config.num_hidden_layers)
    readers, rows = {}, []
    for name in sorted(tensors.shapes):
        shape = tuple(tensors.shapes[name])
        rule = places.get(name)
        if rule is None or rule.ours not in variables.shapes:
            rows.append(Row(name, shape, "", None, tensors.ignored.get(name, "NOT USED")))
            continue
        ours, path = variables.shapes[rule.ours], rule.spare or rule.ours
        _check_shape(name, shape, rule.their_shape(ours, _num_heads(config)), tensors.source)
        readers[path] = _reader(tensors.read, rule, ours)
        rows.append(Row(name, shape, path, ours))
    unused = [row.theirs for row in rows if not row.ours]
    _check_missing(variables, readers, config, tensors.source, unused)
    readers = _without_equal_spares(places.values(), readers)
    order = {path: i for i, path in enumerate(variables.shapes)}
    rows.sort(key=lambda row: (order.get(row.ours, len(order)), row.theirs))
    paths = sorted(readers, key=lambda path: (order.get(path, len(order)), path))
    return Weights({path: readers[path] for path in paths}), rows


def _places(rules: Collection[Rule], tensors: Tensors, num_layers: int) -> dict[str, Rule]:
    """{their name: its rule}; the rule's `spare` is "" if the tensor goes to `ours`."""
    table = by_name(rules, num_layers)
    found = {
        name: table[name]
        for name in tensors.shapes
        if name in table and name not in tensors.ignored
    }
    owners: dict[str, str] = {}
    for name, rule in found.items():
        if not rule.spare and owners.setdefault(rule.ours, name) != name:
            raise ValueError(
                f"{tensors.source}: {name!r} and {owners[rule.ours]!r} are the same variable."
            )
    return {
        name: rule if rule.spare and rule.ours in owners else dataclasses.replace(rule, spare="")
        for name, rule in found.items()
    }


def _without_equal_spares(rules: Collection[Rule], readers: Mapping) -> dict:
    """The readers without the spare tensors, if all spare tensors equal the used ones."""
    spares = {rule.spare: rule.ours for rule in rules if rule.spare}
    if all(np.array_equal(readers[spare](), readers[ours]()) for spare, ours in spares.items()):
        return {path: reader for path, reader in readers.items() if path not in spares}
    return dict(readers)


def write(
    rules: Collection[Rule],
    weights: Mapping[str, np.ndarray],
    variables: Variables,
    config: EncoderConfig,
) -> list[Entry]:
    """The entries to write: each tensor with a rule and a variable; for arguments see `read`.

    If a spare tensor was kept, it is written in its own place.
    """
    entries = []
    for rule in by_name(rules, config.num_hidden_layers).values():
        path = rule.spare if rule.spare in weights else rule.ours
        if path in weights and rule.ours in variables.shapes:
            ours = variables.shapes[rule.ours]
            shape = rule.their_shape(ours, _num_heads(config))
            entries.append(
                Entry(rule.theirs, shape, path, ours, _writer(weights, path, rule, shape))
            )
    return entries


def _num_heads(config: EncoderConfig) -> int:
    return getattr(config, "num_attention_heads", 1)


def _reader(read_tensor: Callable[[str], np.ndarray], rule: Rule, shape: tuple[int, ...]):
    def reader() -> np.ndarray:
        array = read_tensor(rule.theirs)
        array = array.T if rule.transposed else array
        if rule.rows_before:
            array = np.concatenate([np.zeros((rule.rows_before, *shape[1:]), array.dtype), array])
        array = array.reshape(shape)
        return np.ascontiguousarray(array, np.float32)

    return reader


def _writer(weights: Mapping[str, np.ndarray], path: str, rule: Rule, shape: tuple[int, ...]):
    def writer() -> np.ndarray:
        array = weights[path][rule.rows_before :]
        return np.ascontiguousarray((array.T if rule.transposed else array).reshape(shape))

    return writer


def _check_shape(name: str, found: tuple, expected: tuple, source: str) -> None:
    if found != expected:
        raise ValueError(
            f"{source}: {name} has shape {list(found)}, but the config says {list(expected)}. "
            "Expected weights and config of the same model."
        )


def _check_missing(
    variables: Variables, readers: Mapping, config: EncoderConfig, source: str, found: list[str]
) -> None:
    missing = [path for path in variables.encoder if path not in readers]
    if missing:
        names = ", ".join(map(repr, found[:3])) or "nothing"
        raise ValueError(
            f"{source}: {len(missing)} variables of the encoder are missing, among them "
            f"{', '.join(missing[:3])}. Expected a whole {config.model_type!r} with "
            f"{config.SIZE_FIELDS[2]} {config.num_hidden_layers}. Found, but not used: {names}. "
            "Check that the config belongs to these weights."
        )
