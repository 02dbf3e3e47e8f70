"""A SavedModel that takes raw text and needs only tensorflow and tensorflow_text to be loaded.

Signatures (their output names are an interface: clients depend on them):
    serving_default   text (and text_pair, for a task on pairs), string [B]; gives what the task
                      decodes: label and probabilities, tokens and probabilities of each [MASK],
                      entities, or the answer to the question `text` in the context `text_pair`
    ids               input_ids, input_mask, segment_ids, int32 [B, S], those of them that the
                      encoder takes; gives the model's outputs
    embed             text, string [B]; gives pooled_output and embedding (mean over the tokens)
"""

import functools
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import model_folder
from bert_tf.export import description, tf_serving
from bert_tf.export.ids import inputs_of, outputs_of
from bert_tf.files import new_folder
from bert_tf.layers import roles
from bert_tf.layers.attention import SelfAttention, attention_layers, holding
from bert_tf.tasks.blocks import in_blocks
from bert_tf.tasks.task import Task

_TEXT = tf.TensorSpec([None], tf.string)
_POSITIONS = "masked_lm_positions"
_function = functools.partial(tf.function, autograph=False)

# Runs where bert_tf cannot be imported: the served model must not need it.
_CLEAN_PROCESS = """
import json, sys
sys.modules["bert_tf"] = None
import tensorflow as tf
import tensorflow_text
model = tf.saved_model.load(sys.argv[1])
inputs = {name: tf.constant(texts) for name, texts in json.load(sys.stdin).items()}
outputs = model.signatures["serving_default"](**inputs)
def plain(value):
    return value.decode() if isinstance(value, bytes) else value
def nested(value):
    return [nested(v) for v in value] if isinstance(value, list) else plain(value)
print(json.dumps({name: nested(value.numpy().tolist()) for name, value in outputs.items()}))
"""


class ServedModel(tf.Module):
    """A task's tokenizer, model and decoding as one graph.

    Args:
      task: encodes text and decodes outputs.
      model: a model of that task.
    """

    def __init__(self, task: Task, model: keras.Model):
        super().__init__()
        self._task = task
        self.tokenizer = task.tokenizer
        encode = _function(task.encode).get_concrete_function
        encoded = encode(_TEXT, _TEXT) if task.takes_pairs else encode(_TEXT)
        self._at_positions = _POSITIONS in encoded.structured_outputs
        self._rank = encoded.structured_outputs["input_ids"].shape.rank
        self._ids_inputs = inputs_of(task.config.model)
        self._inputs = (*self._ids_inputs, _POSITIONS) if self._at_positions else self._ids_inputs
        attentions = attention_layers(model)
        joined = {layer: _joined(layer, model) for layer in attentions}
        apart = {id(variable) for layer in attentions for variable in layer.projection_variables}
        held = [(v, _held(v, model)) for v in model.variables if id(v) not in apart]
        self.weights = [[value for _, value in held], list(joined.values())]

        call, specs = outputs_of(model, self._inputs, self._rank)

        # The model is not an attribute: what it holds beside the weights is not saved.
        def call_with_held(*tensors):
            with keras.StatelessScope() as scope:
                scope.state_mapping = {id(v): value.read_value() for v, value in held}
                with holding(joined):
                    return call(*tensors)

        self.graph = _function(call_with_held, input_signature=specs)  # one for all signatures

    def signatures(self) -> dict:
        """The concrete functions by signature name."""
        takes_pairs = self._task.takes_pairs
        serve = _function(self._serve_pair if takes_pairs else self._serve)
        texts = {"text": _TEXT, "text_pair": _TEXT} if takes_pairs else {"text": _TEXT}
        signatures = {
            "serving_default": serve.get_concrete_function(**texts),
            "ids": self.of_ids(),
        }
        if self._rank == 2:  # a row of several sequences is not one text
            signatures["embed"] = _function(self._embed).get_concrete_function(text=_TEXT)
        return signatures

    def of_ids(self) -> tf.types.experimental.ConcreteFunction:
        """The signature `ids`: the model alone, without the tokenizer."""
        ids = dict.fromkeys(self._ids_inputs, tf.TensorSpec([None] * self._rank, tf.int32))
        return _function(lambda **batch: self._outputs(batch)).get_concrete_function(**ids)

    def _serve(self, text):
        return self._decode(self._task.encode(text))

    def _serve_pair(self, text, text_pair):
        return self._decode(self._task.encode(text, text_pair))

    def _decode(self, batch):
        rows = {name: batch[name] for name in self._inputs}
        return self._task.decode(in_blocks(self._call, rows), batch)

    def _call(self, batch):
        return self.graph(*[batch[name] for name in self._inputs])

    def _outputs(self, batch):
        """The outputs of the model. A model that takes positions is asked at all positions."""
        if self._at_positions:
            positions_BS = tf.zeros_like(batch["input_ids"]) + tf.range(
                tf.shape(batch["input_ids"])[1]
            )
            batch = {**batch, _POSITIONS: positions_BS}
        return self._call(batch)

    def _embed(self, text):
        batch = self._task.tokenizer.encode(
            text, max_seq_length=self._task.config.data.max_seq_length, pad=False
        )
        outputs = self._outputs(batch)
        mask_BS1 = tf.cast(batch["input_mask"], tf.float32)[..., tf.newaxis]
        sequence_BSD = outputs["sequence_output"]
        mean_BD = tf.reduce_sum(sequence_BSD * mask_BS1, 1) / tf.reduce_sum(mask_BS1, 1)
        if "pooled_output" not in outputs:  # an encoder without a pooler
            return {"embedding": mean_BD}
        return {"pooled_output": outputs["pooled_output"], "embedding": mean_BD}


def _held(variable: keras.Variable, model: keras.Model) -> tf.Variable:
    """What is saved for a variable: a matrix that is multiplied in bfloat16 is saved so."""
    if "bfloat16" in model.compute_dtype and roles.role_of(variable) == roles.MATRIX:
        return tf.Variable(tf.cast(variable.value, tf.bfloat16), trainable=False)
    return variable.value


def _joined(layer: SelfAttention, model: keras.Model) -> tuple[tf.Variable, tf.Variable | None]:
    """The three projections of a layer as they are multiplied: one kernel and one bias."""
    kernel, bias = layer.joined()
    kernel = tf.Variable(tf.cast(kernel, model.compute_dtype), trainable=False)
    return kernel, None if bias is None else tf.Variable(bias, trainable=False)


def export_saved_model(
    task: Task,
    model: keras.Model,
    folder: str,
    samples: list[str],
    metrics: Mapping[str, Any] | None = None,
) -> float:
    """Writes a SavedModel, loads it in a clean process and compares the answers of both.

    The folder also gets the files for TF Serving (`tf_serving`), export.json and a model card
    (`description`), and the files that `model_folder.load_task` reads.

    Args:
      task: its tokenizer, lengths and labels go into the graph.
      model: a model of that task. Matrices of a model in bfloat16 are saved in bfloat16, all else
        in float32.
      folder: the new folder of the SavedModel. Its last part is the name of the served model; if
        that is a version number, the part before it.
      samples: texts for the comparison and the warm-up. For a task on pairs, each text is paired
        with itself.
      metrics: the model's scores, for manifest and card.

    Returns:
      The largest difference of the numbers between the clean process and this one.

    Raises:
      ValueError: the folder exists, or the reloaded model answers differently.
    """
    with new_folder(folder) as temporary:
        served = ServedModel(task, model)
        signatures = served.signatures()
        tf.saved_model.save(served, temporary, signatures=signatures)
        inputs = dict.fromkeys(signatures["serving_default"].function_type.parameters, samples)
        tf_serving.write(temporary, tf_serving.model_name(folder), "serving_default", inputs)
        model_folder.save_task(temporary, task)
        precision = "bfloat16" if "bfloat16" in model.compute_dtype else "float32"
        about = description.manifest(
            task,
            model,
            format="saved_model",
            precision=precision,
            signatures=description.interface(signatures),
            metrics=metrics or {},
        )
        description.write(temporary, about)
        expected = signatures["serving_default"](**{k: tf.constant(v) for k, v in inputs.items()})
        tolerance = 1e-5 if precision == "float32" else 1e-2
        difference = _compare(expected, _load_and_ask(temporary, inputs), tolerance)
    logging.info("a clean process answers the same, to %.1e", difference)
    return difference


def _load_and_ask(folder: str, inputs: dict[str, list[str]]) -> dict[str, list]:
    """The outputs of `serving_default` in a process without bert_tf."""
    process = subprocess.run(
        [sys.executable, "-I", "-c", _CLEAN_PROCESS, folder],
        input=json.dumps(inputs),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        last = (process.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(f"the exported model does not load in a clean process: {last}")
    return json.loads(process.stdout.splitlines()[-1])


def _compare(expected: dict[str, tf.Tensor], answered: dict[str, list], tolerance: float) -> float:
    """The largest difference; ValueError if it is more than rounding."""
    largest = 0.0
    for name, tensor in expected.items():
        if tensor.dtype == tf.string:
            if tf.constant(answered[name], tf.string, tensor.shape).numpy().tolist() != (
                tensor.numpy().tolist()
            ):
                raise ValueError(f"the exported model gives another {name!r} in a clean process.")
            continue
        # Nested lists without a number in them do not tell their last axes.
        numbers = np.reshape(answered[name], tensor.shape)
        difference = np.abs(numbers - tensor.numpy()).max(initial=0.0)
        largest = max(largest, float(difference))
    if largest > tolerance:
        raise ValueError(f"the exported model differs by {largest:.1e} in a clean process.")
    return largest
