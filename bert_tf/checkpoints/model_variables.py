"""The variables of a model: their paths and shapes, from the model built without its values.

Keras gives a variable its value only when it leaves a stateless scope, so that a model of any size
is built in the time that its layers take (0.1 s for BERT-base, 7 s and 440 MB with values).
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import random
from collections.abc import Collection, Iterable, Mapping

import keras

from bert_tf.layers import roles
from bert_tf.models.model import EncoderConfig

# What stands on the encoder: {head: path below which its variables are}.
HEADS = {
    "masked_lm": "cls/predictions/",
    "next_sentence": "cls/seq_relationship/",
    "classifier": "classifier/",
    "spans": "cls/squad/",
    "replaced_tokens": "discriminator_predictions/",
}
# {task: its heads}. Other projects know all of these; bert_tf does not train all of them.
HEADS_OF_TASK = {
    "embedding": (),
    "pretraining": ("masked_lm", "next_sentence"),
    "classification": ("classifier",),
    "token_classification": ("classifier",),
    "multiple_choice": ("classifier",),
    "question_answering": ("spans",),
    "replaced_tokens": ("replaced_tokens",),
}


def heads_among(paths: Iterable[str]) -> set[str]:
    """The heads that have a variable among `paths`."""
    paths = list(paths)
    return {head for head, below in HEADS.items() if any(path.startswith(below) for path in paths)}


@dataclasses.dataclass(frozen=True)
class Variables:
    """The variables of an encoder and of the heads on it.

    Attributes:
      shapes: {path: shape} of all, in the order of the model: the encoder, then the heads.
      encoder: the paths of the encoder's, in the same order.
      pooler: the paths of its pooler's; empty without a pooler.
      words: the path of the word embeddings.
      tables: the paths of all tables whose rows are looked up.
    """

    shapes: Mapping[str, tuple[int, ...]]
    encoder: tuple[str, ...]
    pooler: tuple[str, ...]
    words: str
    tables: tuple[str, ...]

    def without_pooler(self) -> "Variables":
        """The same without the pooler."""
        shapes = {path: shape for path, shape in self.shapes.items() if path not in self.pooler}
        encoder = tuple(path for path in self.encoder if path not in self.pooler)
        return dataclasses.replace(self, shapes=shapes, encoder=encoder, pooler=())


def variables_of(
    config: EncoderConfig, heads: Collection[str], task: str, num_labels: int = 0
) -> Variables:
    """The variables of an encoder and of some heads.

    Args:
      config: of the encoder.
      heads: keys of `HEADS`.
      task: says whether the classifier is one of tokens.
      num_labels: L of the classifier.
    """
    kinds = [head for head in HEADS if head in heads]
    if task == "token_classification":
        kinds = ["token_classifier" if head == "classifier" else head for head in kinds]
    json = config.to_json()
    return _built(_Model(config, type(config), json, tuple(kinds), max(num_labels, 1)))


def variables_among(
    paths: Collection[str], config: EncoderConfig, task: str, num_labels: int = 0
) -> tuple[EncoderConfig, Variables]:
    """The variables of a model some of whose variables are `paths`, with the heads among them.

    Returns:
      The config, whose `use_pooler` says whether the pooler is among the paths, and the variables.
    """
    if not any(field.name == "use_pooler" for field in dataclasses.fields(config)):
        return config, variables_of(config, heads_among(paths), task, num_labels)
    config = dataclasses.replace(config, use_pooler=True)
    variables = variables_of(config, heads_among(paths), task, num_labels)
    if set(variables.pooler) & set(paths):
        return config, variables
    return dataclasses.replace(config, use_pooler=False), variables.without_pooler()


@dataclasses.dataclass(frozen=True)
class _Model:
    """What is built. Two are equal if their configs are written alike."""

    config: EncoderConfig = dataclasses.field(compare=False)
    config_class: type
    json: str
    heads: tuple[str, ...]
    num_labels: int


@functools.lru_cache(maxsize=8)
def _built(model: _Model) -> Variables:
    """See `variables_of`; reading and comparing one checkpoint asks several times."""
    # Keras keeps what it has to initialize for each thread, and so this thread forgets it. It also
    # has no strategy and no name scope. Initializers draw their seeds from Python's generator.
    state = random.getstate()
    try:
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as executor:
            return executor.submit(_build, model.config, model.heads, model.num_labels).result()
    finally:
        random.setstate(state)


def _build(config: EncoderConfig, heads: Collection[str], num_labels: int) -> Variables:
    with keras.StatelessScope(initialize_variables=False):
        encoder = config.encoder_class()(config)
        layers = [_build_head(encoder, head, num_labels) for head in heads]
    everything = [*encoder.weights, *(weight for layer in layers for weight in layer.weights)]
    pooler = [part for part in encoder.parts if part.kind == "pooler"]
    return Variables(
        shapes={weight.path: tuple(weight.shape) for weight in everything},
        encoder=tuple(weight.path for weight in encoder.weights),
        pooler=tuple(variable.path for part in pooler for variable in part.variables),
        words=encoder.word_embeddings.path,
        tables=tuple(w.path for w in encoder.weights if roles.role_of(w) == roles.TABLE),
    )


def _build_head(encoder: keras.Model, head: str, num_labels: int) -> keras.layers.Layer:
    make = {
        "masked_lm": encoder.masked_lm_head,
        "next_sentence": encoder.next_sentence_head,
        "classifier": lambda: encoder.classifier_head(num_labels, 0.0),
        "token_classifier": lambda: encoder.token_classifier_head(num_labels, 0.0),
        "spans": encoder.span_head,
        "replaced_tokens": encoder.replaced_token_head,
    }
    layer = make[head]()
    above = HEADS.get(head, "classifier/").split("/")[:-2]  # the layer has the last name itself
    with contextlib.ExitStack() as scopes:
        for name in above:
            scopes.enter_context(keras.name_scope(name))
        layer.build()
    return layer
