"""A model between two formats, and the functions that read and write every format.

Each format is a module in this package with `read(files)`, `losses(checkpoint)` and
`write(checkpoint, folder)`. Modules are found by name. The files at a path show its format. A
format knows files and containers; the model has the names of its tensors in each format
(`CHECKPOINT_NAMES`).
"""

import dataclasses
import importlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from bert_tf.checkpoints import FORMATS, encoders
from bert_tf.checkpoints.found_task import labels_of
from bert_tf.checkpoints.mapping import Row
from bert_tf.checkpoints.model_variables import (
    HEADS_OF_TASK,
    Variables,
    heads_among,
    variables_of,
)
from bert_tf.checkpoints.source_files import Files, recognise
from bert_tf.config.experiment import DataConfig
from bert_tf.config.task import Facts, Settings
from bert_tf.files import new_folder
from bert_tf.models.model import EncoderConfig
from bert_tf.tokenization.tokenizer import Tokenizer

_HEADS_IN_WORDS = {
    "masked_lm": "the masked-LM head",
    "next_sentence": "the next-sentence head",
    "classifier": "the classifier",
    "spans": "the head for answers",
    "replaced_tokens": "the discriminator's head",
}


@dataclasses.dataclass
class Checkpoint:
    """A model of any format, with the names of bert_tf.

    Attributes:
      source: where it comes from, for messages.
      config: the shape of the encoder.
      task: the task of its head, with labels.
      weights: {variable path: float32 array}, read lazily; see `mapping.Weights`.
      tokenizer: has at most config.vocab_size tokens.
      data: the longest text, and other data settings of a model folder.
      rows: what happened to each tensor of the source.
      dtype: of training and scoring, one of config.DTYPES.
      facts: known facts of its training data, such as labels; None: those in `task`.
    """

    source: str
    config: EncoderConfig
    task: Settings
    weights: Mapping[str, np.ndarray]
    tokenizer: Tokenizer
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    rows: list[Row] = dataclasses.field(default_factory=list)
    dtype: str = "float32"
    facts: Facts | None = None

    def __post_init__(self):
        if self.facts is None:
            self.facts = self.task.given_facts(self.data)

    @property
    def heads(self) -> set[str]:
        """The heads with variables in this checkpoint (keys of `model_variables.HEADS`)."""
        return heads_among(self.weights)

    def variables(self) -> Variables:
        """The variables of its encoder, of the heads its task needs, and of its other heads."""
        needed = set(HEADS_OF_TASK.get(self.task.name, ()))
        if not getattr(self.task, "next_sentence", True):
            needed.discard("next_sentence")
        num_labels = len(labels_of(self.facts))
        return variables_of(self.config, needed | self.heads, self.task.name, num_labels)

    def missing(self) -> list[str]:
        """The variables that its task needs but it lacks; their initial values are random."""
        return [path for path in self.variables().shapes if path not in self.weights]

    def check_encoder(self) -> None:
        """Raises ValueError if variables of the encoder are missing; the message names them."""
        encoder = self.variables().encoder
        missing = [path for path in self.missing() if path in encoder]
        if missing:
            raise ValueError(
                f"{self.source}: {len(missing)} of the encoder's {len(encoder)} variables are "
                f"missing: {', '.join(missing)}."
            )


def read(path: str, *, vocab_file: str = "", config_file: str = "") -> Checkpoint:
    """Reads a checkpoint of another project, in any format.

    Args:
      path: a folder, a file in it, or the prefix of a TensorFlow checkpoint.
      vocab_file: a vocabulary file that replaces the folder's.
      config_file: a configuration file that replaces the folder's.

    Raises:
      ValueError: the format or model is unknown, a file is missing or damaged, a variable of the
        encoder is missing, or weights and config contradict each other.
    """
    path = path.rstrip("/") or path
    format_name, folder = recognise(path)
    try:
        checkpoint = _module(format_name).read(Files(path, folder, vocab_file, config_file))
    except (tf.errors.OpError, MemoryError) as error:
        raise ValueError(f"{path}: cannot be read: {getattr(error, 'message', error)}") from error
    config, tokenizer, data = checkpoint.config, checkpoint.tokenizer, checkpoint.data
    if len(tokenizer) > config.vocab_size:
        raise ValueError(
            f"{path}: the vocabulary has {len(tokenizer)} tokens, but vocab_size in the config is "
            f"{config.vocab_size}. Expected files of the same model."
        )
    length = min(data.max_seq_length, config.longest_sequence)
    return dataclasses.replace(checkpoint, data=dataclasses.replace(data, max_seq_length=length))


def losses(checkpoint: Checkpoint, format_name: str) -> list[str]:
    """What the format cannot hold of `checkpoint`, one sentence for each thing.

    Raises:
      ValueError: the format cannot hold the model at all, whatever may be lost.
    """
    names = encoders.names_of(checkpoint.config, format_name)
    if checkpoint.config.beyond_published:
        raise ValueError(
            f"{format_name} cannot hold {checkpoint.source}: it was pruned to "
            f"{checkpoint.config.beyond_published}, and other projects have one size for all "
            "blocks. Models that lost whole layers, or as many units in every block, can be "
            "converted."
        )
    lost = [*names.losses(checkpoint.config, checkpoint.heads)]
    lost += _heads_without_place(checkpoint, format_name)
    lost += _module(format_name).losses(checkpoint)
    lost += _settings_without_place(checkpoint.tokenizer, format_name)
    lost += _vectors_without_place(checkpoint, format_name)
    config = checkpoint.config
    pooling = getattr(checkpoint.task.for_encoder(config), "classifier_pooling", None)
    if pooling not in (None, config.CLASSIFIER_POOLING):
        lost.append(
            f"the classifier uses the pooling {pooling!r} (classifier_pooling); classes of other "
            f"projects use {config.CLASSIFIER_POOLING!r}."
        )
    return lost


def _settings_without_place(tokenizer: Tokenizer, format_name: str) -> list[str]:
    """A sentence for each setting of a tokenizer that only Hugging Face's files can hold."""
    if format_name == "hugging_face":
        return []
    lost = []
    behind = tokenizer.tokens[len(tokenizer.vocabulary_tokens) :]
    if behind:
        lost.append(f"that added tokens ({', '.join(behind[:3])}) are whole wherever they stand.")
    if getattr(tokenizer, "strip_accents", None) is not None and format_name != "keras":
        lost.append(f"strip_accents {tokenizer.strip_accents}: it follows do_lower_case there.")
    for name in ("normalization", "ignore_merges"):
        if getattr(tokenizer, name, None):
            lost.append(f"{name} {getattr(tokenizer, name)} of the tokenizer.")
    return lost


def _vectors_without_place(checkpoint: Checkpoint, format_name: str) -> list[str]:
    """A sentence for the steps to a vector, which only sentence-transformers' folders can hold."""
    facts, task = checkpoint.facts, checkpoint.task
    if format_name == "hugging_face" or getattr(facts, "sentence_transformers", None) is None:
        return []
    steps = [f"pooling {task.pooling!r}", *(module.kind for module in facts.modules)]
    steps += ["normalize"] * task.normalize + [f"prompt {task.prompt!r}"] * bool(task.prompt)
    return [f"the way from tokens to a vector ({', '.join(steps)})."]


def _heads_without_place(checkpoint: Checkpoint, format_name: str) -> list[str]:
    """A sentence for each head with a variable that the format has no rule for."""
    rules = encoders.names_of(checkpoint.config, format_name).rules
    places = {path for rule in rules for path in (rule.ours, rule.spare)}
    lost = []
    for head in sorted(checkpoint.heads):
        paths = [path for path in checkpoint.weights if heads_among([path]) == {head}]
        homeless = [path for path in paths if path not in places]
        if homeless == paths:
            lost.append(f"{_HEADS_IN_WORDS[head]}: {format_name} has none.")
        elif homeless:
            lost.append(
                f"of {_HEADS_IN_WORDS[head]}, {', '.join(homeless)}: {format_name} has no place "
                "for them."
            )
    return lost


def write(
    checkpoint: Checkpoint, folder: str, format_name: str, *, allow_lossy: bool = False
) -> list[Row]:
    """Writes `checkpoint` into the new folder `folder`, completely or not at all.

    Returns:
      What happened to each variable.

    Raises:
      ValueError: the folder exists, a variable of the encoder is missing or would not be written,
        or the format cannot hold the whole model and `allow_lossy` is False.
    """
    checkpoint.check_encoder()
    lost = losses(checkpoint, format_name)
    if lost and not allow_lossy:
        raise ValueError(
            f"{format_name} cannot hold all of {checkpoint.source}: {' '.join(lost)} Pass "
            "--allow_lossy to write the rest."
        )
    with new_folder(folder) as temporary:
        written = _module(format_name).write(checkpoint, temporary)
        _check_encoder(checkpoint, written, format_name)
    rows = {row.ours: row for row in written}
    return [
        rows.get(path, Row("", None, path, tuple(array.shape), "NOT WRITTEN: no place for it"))
        for path, array in checkpoint.weights.items()
    ]


def _check_encoder(checkpoint: Checkpoint, written: list[Row], format_name: str) -> None:
    """Raises ValueError unless each variable of the encoder is written or explicitly left out."""
    encoder = checkpoint.variables().encoder
    done = {row.ours for row in written}
    left = [path for path in encoder if path not in done]
    if left:
        raise ValueError(
            f"{checkpoint.source}: {len(left)} of the encoder's {len(encoder)} variables would not "
            f"be written as {format_name}: {', '.join(left)}. Add rules for them to the "
            f"CHECKPOINT_NAMES of {checkpoint.config.model_type}."
        )


def _module(format_name: str):
    if format_name not in FORMATS:
        raise ValueError(f"unknown format {format_name!r}. Known: {', '.join(FORMATS)}.")
    return importlib.import_module(f"bert_tf.checkpoints.{format_name}")
