"""Files for TensorFlow Serving beside a SavedModel: model config, batching, warm-up requests."""

import functools
import posixpath
from collections.abc import Mapping, Sequence

import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"
MODEL_CONFIG_FILE = "serving/models.config"
BATCHING_FILE = "serving/batching.config"

# The part of tensorflow/serving's apis/*.proto that a warm-up request needs:
# message: {field: (number, type)}, a type being a message or "string".
_PACKAGE = "bert_tf.serving"  # not theirs: both may be loaded in one process
_MESSAGES = {
    "ModelSpec": {"name": (1, "string"), "signature_name": (3, "string")},
    "Input": {"key": (1, "string"), "value": (2, ".tensorflow.TensorProto")},
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "Input")},
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}
_MOST_ROWS = 32


def model_name(folder: str) -> str:
    """The name of a SavedModel in `folder`: the last part of the path that is no version number."""
    parts = [part for part in folder.split("/") if part not in ("", ".", "..")]
    names = [part for part in parts if not part.isdigit()]
    return names[-1] if names else "model"


def write(folder: str, name: str, signature: str, inputs: Mapping[str, Sequence[str]]) -> None:
    """Writes the three files into the SavedModel `folder`.

    Args:
      folder: the SavedModel.
      name: the name of the model in requests.
      signature: the signature that is warmed up.
      inputs: {input: texts}. The warm-up sends each text alone, and all together.
    """
    _write(folder, MODEL_CONFIG_FILE, _MODEL_CONFIG.format(name=name))
    _write(folder, BATCHING_FILE, _BATCHING)
    path = posixpath.join(folder, WARM_UP_FILE)
    tf.io.gfile.makedirs(posixpath.dirname(path))
    count = min(_MOST_ROWS, *map(len, inputs.values()))
    with tf.io.TFRecordWriter(path) as file:
        for rows in [slice(i, i + 1) for i in range(count)] + [slice(count)]:
            tensors = {key: list(texts[rows]) for key, texts in inputs.items()}
            file.write(warm_up_record(name, signature, tensors))


def warm_up_record(name: str, signature: str, inputs: Mapping[str, Sequence[str]]) -> bytes:
    """A serialised PredictionLog of one Predict request."""
    log = _message_class("PredictionLog")()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = name, signature
    for key, texts in inputs.items():
        request.inputs.add(key=key).value.CopyFrom(tf.make_tensor_proto(texts, tf.string))
    return log.SerializeToString()


@functools.cache
def _message_class(name: str) -> type:
    """The class of a message of `_MESSAGES`."""
    file = descriptor_pb2.FileDescriptorProto(
        name="bert_tf/serving.proto", package=_PACKAGE, syntax="proto3"
    )
    file.dependency.append("tensorflow/core/framework/tensor.proto")
    kinds = descriptor_pb2.FieldDescriptorProto
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number, label=kinds.LABEL_OPTIONAL)
            field.type = kinds.TYPE_STRING if kind == "string" else kinds.TYPE_MESSAGE
            if kind != "string":
                field.type_name = kind if kind[0] == "." else f".{_PACKAGE}.{kind}"
            if kind == "Input":  # a map is a repeated message of key and value
                field.label = kinds.LABEL_REPEATED
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def _write(folder: str, name: str, content: str) -> None:
    path = posixpath.join(folder, name)
    tf.io.gfile.makedirs(posixpath.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(content)


_MODEL_CONFIG = """\
# docker run -p 8500:8500 -p 8501:8501 -v "$PWD:/models/{name}/1" tensorflow/serving:2.20.0 \\
#     --model_config_file=/models/{name}/1/serving/models.config \\
#     --enable_batching --batching_parameters_file=/models/{name}/1/serving/batching.config
#
# with this SavedModel's folder as $PWD; 1 is the version.
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
  }}
}}
"""
_BATCHING = """\
# Requests that arrive within 2 ms are answered as one batch, of at most 32 texts.
max_batch_size { value: 32 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 256 }
num_batch_threads { value: 2 }  # batches at a time: the number of cores
allowed_batch_sizes: 1
allowed_batch_sizes: 2
allowed_batch_sizes: 4
allowed_batch_sizes: 8
allowed_batch_sizes: 16
allowed_batch_sizes: 32
"""
