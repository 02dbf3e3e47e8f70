"""Reads several data sets as one, each with its share of the rows.

The data set of a row is a function of only its position and the weights. So a run can begin at any
position, and the number of workers has no effect. Shares are exact: each data set has its share of
the first N rows, for every N, to within a few rows (fewer than the number of data sets). Each data
set is read in its own order, and starts again after its last row.

Data sets are mixed when rows are read, not when they are made. So users can try weights without
making data again, and add a data set later.
"""

import dataclasses
import hashlib
import math
import os
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from bert_tf import files, listed_names
from bert_tf.data.records.manifest import MANIFEST, Manifest

_MOST_DIGITS = 10**9  # the largest weight; a position times a weight must stay below 2**63


class Shares:
    """Divides the positions of a mixture among its data sets.

    Args:
      weights: integers from 1 to 10**9; the shares are proportional to them.
    """

    def __init__(self, weights: Sequence[int]):
        divisor = math.gcd(*weights)
        self._weights = [weight // divisor for weight in weights]

    def counts(self, positions: np.ndarray) -> np.ndarray:
        """The number of rows of each data set before each position: int64 [N] -> [N, sets]."""
        rest, total, columns = np.asarray(positions, np.int64), sum(self._weights), []
        for weight in self._weights:  # each data set takes its share of the remaining rows
            columns.append(rest * weight // total)
            rest, total = rest - columns[-1], total - weight
        return np.stack(columns, axis=-1)

    def sources(self, position: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The data sets of the rows at `position` to `position + count - 1`.

        Returns:
          int64 [count], the data set of each row; int64 [sets], the number of rows of each data set
          before the first of these rows.
        """
        counts = self.counts(position + np.arange(count + 1))
        return np.argmax(np.diff(counts, axis=0), axis=1), counts[0]


class Part(NamedTuple):
    """One data set of a mixture.

    Attributes:
      number: its number in the mixture, from 0.
      folder: its folder.
      manifest: the manifest in the folder.
    """

    number: int
    folder: str
    manifest: Manifest


@dataclasses.dataclass(frozen=True)
class Mixture:
    """One or more folders of records that are read together.

    Attributes:
      folders: made by `builder.create_pretraining_data`.
      manifests: the manifest of each folder.
      weights: an integer for each folder; by default the number of its rows.
    """

    folders: list[str]
    manifests: list[Manifest]
    weights: list[int]

    @classmethod
    def open(cls, data: "str | Mixture") -> "Mixture":
        """Reads the manifests of `folder`, `folder,folder` or `folder:0.7,folder:0.3`.

        Args:
          data: names, with weights or without, or an open mixture, which is returned. Without
            weights every row is read once an epoch.

        Raises:
          ValueError: only some folders have weights, a weight is not above 0, a folder is not a
            data set, or the data sets cannot share batches.
        """
        return data if isinstance(data, Mixture) else cls.of(*parse(data))

    @classmethod
    def of(cls, folders: list[str], weights: list[int] | None) -> "Mixture":
        """Reads the manifests of folders; raises ValueError as `open` does."""
        manifests = [Manifest.load(folder) for folder in folders]
        _check_alike(folders, manifests)
        if weights is None:
            weights = [manifest.rows for manifest in manifests]
        return cls(folders, manifests, weights)

    def __str__(self) -> str:
        return ",".join(self.folders)

    @property
    def parts(self) -> list[Part]:
        """The data sets in order."""
        pairs = zip(self.folders, self.manifests, strict=True)
        return [Part(number, *pair) for number, pair in enumerate(pairs)]

    @property
    def rows(self) -> int:
        """The rows of all data sets together, which are an epoch."""
        return sum(manifest.rows for manifest in self.manifests)

    @property
    def first(self) -> Manifest:
        """The manifest of the first data set, for settings that all have in common."""
        return self.manifests[0]

    @property
    def identity(self) -> str:
        """SHA-256 of the manifest; for several data sets, of all manifests and weights."""
        digests = [files.sha256(f"{folder}/{MANIFEST}") for folder in self.folders]
        if len(digests) == 1:
            return digests[0]
        divisor = math.gcd(*self.weights)
        pairs = zip(digests, self.weights, strict=True)
        text = ",".join(f"{digest}:{weight // divisor}" for digest, weight in pairs)
        return hashlib.sha256(text.encode()).hexdigest()

    def check(self, **wanted: object) -> None:
        """Raises ValueError if a data set does not fit the settings; see `Manifest.check`."""
        for folder, manifest in zip(self.folders, self.manifests, strict=True):
            manifest.check(folder, **wanted)

    def describe(self, num_rows: int) -> list[str]:
        """A line for each data set: its share of a run of `num_rows`, and its number of epochs."""
        counts = Shares(self.weights).counts(np.array([num_rows]))[0].tolist()
        return [
            f"{folder}: {count:,} rows, {count / max(num_rows, 1):.2%} of the run, "
            f"read {count / max(manifest.rows, 1):.2f} times"
            for folder, manifest, count in zip(self.folders, self.manifests, counts, strict=True)
        ]


def parse(data: str) -> tuple[list[str], list[int] | None]:
    """The names and weights in `name:0.7,name:0.3`; None for no weights. Commas: `listed_names`.

    A colon belongs to the weight only if a number follows it, so gs://bucket/folder is a name.
    Raises ValueError as `Mixture.open` does.
    """
    items = listed_names.joined(
        listed_names.split(data), lambda item: os.path.exists(_split(item)[0])
    )
    pairs = [_split(item) for item in items]
    if not pairs:
        raise ValueError("no data set was given: name a folder made by create_pretraining_data.py")
    found, weights = [name for name, _ in pairs], [weight for _, weight in pairs]
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise ValueError(f"{twice[0]} occurs twice in {data!r}; give it once, with more weight")
    if not any(weights):
        return found, None
    for name, weight in pairs:
        if weight is None:
            raise ValueError(f"{name} has no weight in {data!r}; give one to all or to none")
    scale = math.lcm(*(weight.denominator for weight in weights))
    whole = [int(weight * scale) for weight in weights]
    if max(whole) > _MOST_DIGITS:
        raise ValueError(f"the weights in {data!r} have too many digits; expected at most 9")
    return found, whole


def _split(item: str) -> tuple[str, Fraction | None]:
    name, colon, number = item.strip().rpartition(":")
    try:
        weight = Fraction(number) if colon else None
    except (ValueError, ZeroDivisionError):
        weight = None
    if weight is None:
        return item.strip(), None
    if weight <= 0:
        raise ValueError(f"the weight of {name} is {number}; it must be above 0")
    return name, weight


def _check_alike(folders: Sequence[str], manifests: Sequence[Manifest]) -> None:
    """Raises ValueError if rows of these data sets cannot share a batch."""

    def shape(manifest: Manifest) -> dict:
        objective = manifest.objective if manifest.has_labels else None
        slots = (manifest.static_masks or {}).get("max_predictions_per_seq")
        names = ("vocabulary_sha256", "max_seq_length", "max_examples_per_row")
        common = {name: getattr(manifest, name) for name in names}
        return common | {"objective": objective, "static max_predictions_per_seq": slots}

    pairs = list(zip(folders, map(shape, manifests), strict=True))
    for name in pairs[0][1]:
        known = [(folder, values[name]) for folder, values in pairs]
        if name == "objective":
            known = [(folder, value) for folder, value in known if value is not None]
        for folder, value in known[1:]:
            if value != known[0][1]:
                raise ValueError(
                    f"{known[0][0]} and {folder} cannot be mixed: {name} is {known[0][1]} there, "
                    f"{value} here; make them with the same settings"
                )
