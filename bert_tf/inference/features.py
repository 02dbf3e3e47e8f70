"""Writes the vectors of every token, layer by layer, for any number of texts, in shards.

A folder has shards of `lines_per_shard` lines each, and settings.json. An existing shard is
complete; a killed run continues with the first missing shard.

`format="jsonl"`: features-00000.jsonl, one object for each line of text: `line` (from 1), `tokens`,
    `words` (number of the word, null for special tokens), `offsets` ([start, end) in characters of
    the text), `layers` (in the requested order, each with one vector per token).
`format="npy"`: features-00000.npy, float32 [T, L, D], all tokens of the shard, the layers in the
    requested order; also features-00000.tokens.jsonl with the other values above and `first_row`,
    the first row of the line's tokens.

Shape suffixes: N texts, S tokens of a row, L layers, D hidden, T tokens of a shard.
"""

import dataclasses
import io
import itertools
import json
import posixpath
from collections.abc import Iterable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from bert_tf import files, locks, progress
from bert_tf.tokenization.row_layout import RowLayout
from bert_tf.tokenization.tokenizer import Tokenizer

FORMAT_VERSION = 1
_SETTINGS = "settings.json"


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of a folder of shards, stored in settings.json.

    Attributes:
      source: names model and input; a folder with another source is refused.
      layers: 0 is the embeddings, 1 the first block; -1 the last block.
      format: "jsonl" or "npy".
      max_seq_length: longer texts lose their end.
      lines_per_shard: lines of a file.
      model_files, input_sha256: show that model and input have not changed.
    """

    source: str
    layers: tuple[int, ...]
    format: str
    max_seq_length: int
    lines_per_shard: int
    model_files: str = ""
    input_sha256: str = ""

    def check(self, num_hidden_layers: int) -> None:
        """Raises ValueError for a layer that the encoder does not have."""
        depth = num_hidden_layers + 1
        if not self.layers or not all(-depth <= layer < depth for layer in self.layers):
            raise ValueError(
                f"layers {list(self.layers)}: expected some of {-depth} to {depth - 1}."
            )


def extract(
    encoder: keras.Model,
    tokenizer: Tokenizer,
    lines: Iterable[str],
    folder: str,
    settings: Settings,
    *,
    batch_size: int,
) -> int:
    """Writes the missing shards.

    Args:
      encoder: called with `output_hidden_states`.
      tokenizer: of the encoder.
      lines: all texts from the beginning, read once.
      folder: created if necessary.
      settings: layers, format and size of the shards.
      batch_size: lines of a step.

    Returns:
      The number of texts that lost their end.

    Raises:
      ValueError: the encoder does not have a layer, or the folder has other settings.
    """
    settings.check(encoder.config.num_hidden_layers)
    with locks.folder(folder):
        _keep_settings(folder, settings)
        return _extract(encoder, tokenizer, lines, folder, settings, batch_size)


def _extract(
    encoder: keras.Model,
    tokenizer: Tokenizer,
    lines: Iterable[str],
    folder: str,
    settings: Settings,
    batch_size: int,
) -> int:
    vectors = _Vectors(encoder, tokenizer, settings.layers, settings.max_seq_length)
    size, truncated = settings.lines_per_shard, 0
    with progress.bar(unit="lines", description="extracting") as bar:
        for number, texts in enumerate(_grouped(lines, size)):
            path = posixpath.join(folder, f"features-{number:05}.{settings.format}")
            if not tf.io.gfile.exists(path):
                records = _records(vectors, texts, batch_size, 1 + number * size, bar)
                truncated += _write_shard(path, records, settings.format)
    return truncated


def _keep_settings(folder: str, settings: Settings) -> None:
    wanted = {
        "format_version": FORMAT_VERSION,
        **dataclasses.asdict(settings),
        "layers": list(settings.layers),
    }
    path = posixpath.join(folder, _SETTINGS)
    if not tf.io.gfile.exists(path):
        files.make_folder(folder)
        files.write_json(path, wanted)
        return
    found = files.read_json(path, highest=FORMAT_VERSION)
    # A folder of an older version does not have newer settings.
    different = [name for name in wanted if found.get(name, wanted[name]) != wanted[name]]
    if different:
        told = ", ".join(f"{name} {found.get(name)!r}" for name in different)
        raise ValueError(f"{folder} was made with {told}. Choose another folder to change that.")


def _grouped(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    lines = iter(lines)
    while group := list(itertools.islice(lines, size)):
        yield group


class _Vectors:
    """Computes tokens and vectors of texts."""

    def __init__(self, encoder, tokenizer: Tokenizer, layers: Sequence[int], max_seq_length: int):
        self._encoder, self._tokenizer, self._layers = encoder, tokenizer, layers
        self._room = tokenizer.layout.room(max_seq_length, 1)
        self._compute = tf.function(self._layers_of, reduce_retracing=True, autograph=False)

    def __call__(self, texts: list[str]) -> Iterator[tuple[dict, np.ndarray, bool]]:
        """Yields (tokens, words and offsets; vectors [S, L, D]; is it cut) of each text."""
        ids, starts, ends = self._tokenizer.tokenize_with_offsets(tf.constant(texts))
        lengths = ids.row_lengths().numpy()
        words = self._tokenizer.word_ids(ids)
        kept = [ragged[:, : self._room] for ragged in (ids, words, starts, ends)]
        layout = self._tokenizer.layout
        before, after = (tf.tile([ids], [len(texts), 1]) for ids in (layout.before, layout.after))
        whole = tf.concat([before, kept[0], after], axis=1)
        input_ids = whole.to_tensor(layout.pad)
        vectors_NSLD = self._compute(input_ids, tf.ones_like(whole).to_tensor()).numpy()
        tokens = self._tokenizer.tokens_of(whole).to_list()
        for row, (length, names) in enumerate(zip(lengths, tokens, strict=True)):
            numbers, begins, stops = (ragged[row].numpy().tolist() for ragged in kept[1:])
            offsets = [list(pair) for pair in zip(begins, stops, strict=True)]
            about = {
                "tokens": [name.decode() for name in names],
                "words": _between_special(numbers, layout),
                "offsets": _between_special(offsets, layout),
            }
            yield about, vectors_NSLD[row, : len(names)], length > self._room

    def _layers_of(self, input_ids, input_mask):
        states = self._encoder(input_ids, input_mask, output_hidden_states=True)["hidden_states"]
        chosen = [tf.cast(states[layer], tf.float32) for layer in self._layers]
        return tf.stack(chosen, axis=2)


def _between_special(values: list, layout: RowLayout) -> list:
    """The values of a text's tokens, with None for each special token of the row."""
    return [None] * len(layout.before) + values + [None] * len(layout.after)


def _records(vectors: _Vectors, texts: list[str], batch_size: int, first_line: int, bar):
    line = first_line
    for start in range(0, len(texts), batch_size):
        batch = texts[start : start + batch_size]
        for about, array_SLD, cut in vectors(batch):
            yield {"line": line, **about}, array_SLD, cut
            line += 1
        bar.update(len(batch))


def _write_shard(path: str, records: Iterable, format: str) -> int:
    """Writes one shard, its main file last; returns the number of texts that were cut."""
    lines, arrays, truncated, row = [], [], 0, 0
    for about, array_SLD, cut in records:
        truncated += cut
        if format == "npy":
            about["first_row"] = row
            arrays.append(array_SLD)
            row += len(array_SLD)
        else:
            layers = np.moveaxis(array_SLD, 1, 0)
            about["layers"] = [[[float(f"{x:.7g}") for x in v] for v in layer] for layer in layers]
        lines.append(json.dumps(about, ensure_ascii=False))
    text = ("\n".join(lines) + "\n").encode()
    if format == "jsonl":
        files.write_whole(path, text)
        return truncated
    files.write_whole(path.removesuffix(".npy") + ".tokens.jsonl", text)
    content = io.BytesIO()
    np.save(content, np.concatenate(arrays))
    files.write_whole(path, content.getvalue())
    return truncated
