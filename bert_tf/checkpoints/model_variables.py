"""The paths and shapes of a model's variables, from a model that is built without values.

In a stateless scope Keras gives variables no values. So the time to build a model depends only on
its layers (0.1 s for BERT-base; with values 7 s and 440 MB).
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

# The heads on the encoder: {head: path below which its variables are}.
HEADS = {
    "masked_lm": "cls/predictions/",
    "next_sentence": "cls/seq_relationship/",
    "classifier": "classifier/",
    "spans": "cls/squad/",
    "replaced_tokens": "discriminator_predictions/",
}
# {task: its heads}. Other projects have all of these; bert_tf does not train all of them.
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
    """The heads with a variable in `paths`."""
    paths = list(paths)
    return {head for head, below in HEADS.items() if any(path.startswith(below) for path in paths)}


@dataclasses.dataclass(frozen=True)
class Variables:
    """The variables of an encoder and of the heads on it.

    Attributes:
      shapes: {path: shape} of all variables, in the order of the model: encoder, then heads.
      encoder: the paths of the encoder's variables, in the same order.
      pooler: the paths of the pooler's variables; empty without a pooler.
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
      task: decides whether the classifier classifies texts or tokens.
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
    """The variables of a model with the heads, and perhaps the pooler, that occur in `paths`.

    Returns:
      The config, whose `use_pooler` is true if `paths` has the pooler; the variables.
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
    """The model to build. Two are equal if their configs have the same JSON."""

    config: EncoderConfig = dataclasses.field(compare=False)
    config_class: type
    json: str
    heads: tuple[str, ...]
    num_labels: int


@functools.lru_cache(maxsize=8)
def _built(model: _Model) -> Variables:
    """See `variables_of`. Cached, because a conversion needs it several times."""
    # Keras has a list of variables to initialize for each thread, so a new thread forgets it. A new
    # thread has no strategy and no name scope either. Initializers draw seeds from Python's
    # generator.
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
    above = HEADS.get(head, "classifier/").split("/")[:-2]  # the layer adds the last name
    with contextlib.ExitStack() as scopes:
        for name in above:
            scopes.enter_context(keras.name_scope(name))
        layer.build()
    return layer
