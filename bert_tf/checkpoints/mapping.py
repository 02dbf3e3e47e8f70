"""From another project's tensors to our variables and back, by one table of rules per format.

A rule says a name of theirs, ours, and how the two lie: the same, transposed, or with the heads of
the attention as an axis of their own. `{i}` stands for the number of a layer.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from bert_tf.checkpoints import variables
from bert_tf.models.bert import BertConfig


@dataclasses.dataclass(frozen=True)
class Rule:
    """One tensor in both worlds.

    Attributes:
      theirs: its name there; `{i}` is the layer, `{i+4}` and `{n+4}` the layer and the number of
        layers, plus 4 (Model Garden counts embeddings and blocks together).
      ours: the path of our variable; `{i}` is the layer.
      shape: its shape there in letters (see `variables`), "" for ours.
      transposed: our matrix is the transpose of theirs.
    """

    theirs: str
    ours: str
    shape: str = ""
    transposed: bool = False

    def for_layers(self, num_layers: int) -> Iterator["Rule"]:
        """The rule for each layer; itself, if it is not one of layers."""
        for i in range(num_layers if "{i}" in self.ours else 1):
            theirs = self.theirs.replace("{i}", str(i)).replace("{i+4}", str(i + 4))
            theirs = theirs.replace("{n+4}", str(num_layers + 4))
            ours = self.ours.replace("{i}", str(i))
            yield dataclasses.replace(self, theirs=theirs, ours=ours)


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table that every conversion prints: a tensor and what became of it."""

    theirs: str
    their_shape: tuple[int, ...] | None
    ours: str
    our_shape: tuple[int, ...] | None
    note: str = ""


class Weights(Mapping[str, np.ndarray]):
    """{variable path: float32 array}, each read from its file when it is asked for.

    A model is never in memory twice: who copies it goes through it one tensor at a time.
    """

    def __init__(self, readers: Mapping[str, Callable[[], np.ndarray]]):
        self._readers = dict(readers)

    def __getitem__(self, path: str) -> np.ndarray:
        return self._readers[path]()

    def __contains__(self, path: object) -> bool:
        return path in self._readers

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def replaced(self, readers: Mapping[str, Callable[[], np.ndarray] | None]) -> "Weights":
        """A copy with some readers changed or added, or left out (None)."""
        merged = {**self._readers, **readers}
        return Weights({path: reader for path, reader in merged.items() if reader is not None})


def by_name(rules: Iterable[Rule], num_layers: int) -> dict[str, Rule]:
    """{their name: rule}, written out for every layer."""
    return {rule.theirs: rule for r in rules for rule in r.for_layers(num_layers)}


def read(
    rules: Iterable[Rule],
    shapes: Mapping[str, tuple[int, ...]],
    read_tensor: Callable[[str], np.ndarray],
    *,
    config: BertConfig,
    num_labels: int,
    source: str,
    ignored: Mapping[str, str] | None = None,
) -> tuple[Weights, list[Row]]:
    """Their tensors as our variables.

    Args:
      rules: of the format.
      shapes: {their name: shape}, what the file holds.
      read_tensor: the array of a name.
      config: says every shape.
      num_labels: L of the classifier in the file, if there is one.
      source: for messages.
      ignored: {their name: why it is left out}.

    Raises:
      ValueError: a shape is not what the config says, or a variable of the encoder is missing.
    """
    check_layers(config, shapes, source)
    table = by_name(rules, config.num_hidden_layers)
    sizes = variables.numbers(config, num_labels)
    letters = variables.all_shapes(config)
    readers, rows = {}, []
    for name in sorted(shapes):
        rule, shape = table.get(name), tuple(shapes[name])
        if rule is None or name in (ignored or {}):
            rows.append(Row(name, shape, "", None, (ignored or {}).get(name, "NOT USED")))
            continue
        ours = variables.shape_of(letters[rule.ours], sizes)
        _check_shape(name, shape, _their_shape(rule, ours, sizes), source)
        readers[rule.ours] = _reader(read_tensor, name, rule.transposed, ours)
        rows.append(Row(name, shape, rule.ours, ours))
    missing = [path for path in variables.encoder_shapes(config) if path not in readers]
    if missing:
        raise ValueError(
            f"{source}: {len(missing)} variables of the encoder are missing, among them "
            f"{', '.join(missing[:3])}. Expected a whole BERT with num_hidden_layers "
            f"{config.num_hidden_layers}; check that the config belongs to these weights."
        )
    order = {path: i for i, path in enumerate(letters)}
    ordered = {path: readers[path] for path in sorted(readers, key=order.__getitem__)}
    rows.sort(key=lambda row: (order.get(row.ours, len(order)), row.theirs))
    return Weights(ordered), rows


def write(
    rules: Iterable[Rule], weights: Mapping[str, np.ndarray], config: BertConfig, num_labels: int
) -> Iterator[tuple[str, tuple[int, ...], Callable[[], np.ndarray]]]:
    """(their name, their shape, array when called) of each of our variables that has a rule."""
    sizes = variables.numbers(config, num_labels)
    letters = variables.all_shapes(config)
    for rule in by_name(rules, config.num_hidden_layers).values():
        if rule.ours in weights:
            shape = _their_shape(rule, variables.shape_of(letters[rule.ours], sizes), sizes)
            yield rule.theirs, shape, _writer(weights, rule, shape)


def check_layers(config: BertConfig, shapes: Mapping[str, tuple], source: str) -> None:
    """ValueError for more layers than tensors, before a table of a billion layers is made."""
    if config.num_hidden_layers > len(shapes):
        raise ValueError(
            f"{source}: {len(shapes)} tensors, but the config says num_hidden_layers "
            f"{config.num_hidden_layers}: variables of the encoder are missing."
        )


def _their_shape(rule: Rule, ours: tuple[int, ...], sizes: dict[str, int]) -> tuple[int, ...]:
    if rule.shape:
        return variables.shape_of(rule.shape, sizes)
    return ours[::-1] if rule.transposed else ours


def _reader(read_tensor, name: str, transposed: bool, shape: tuple[int, ...]):
    def reader() -> np.ndarray:
        array = read_tensor(name)
        return np.ascontiguousarray((array.T if transposed else array).reshape(shape), np.float32)

    return reader


def _writer(weights: Mapping[str, np.ndarray], rule: Rule, shape: tuple[int, ...]):
    def writer() -> np.ndarray:
        array = weights[rule.ours]
        return np.ascontiguousarray((array.T if rule.transposed else array).reshape(shape))

    return writer


def _check_shape(name: str, found: tuple, expected: tuple, source: str) -> None:
    if found != expected:
        raise ValueError(
            f"{source}: {name} has shape {list(found)}, the config says {list(expected)}. They do "
            "not belong together."
        )
