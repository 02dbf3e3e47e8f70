"""The modules behind the pooling of a sentence-transformers folder, each in a folder of its own.

A Dense has `linear.weight` [out, in] and `linear.bias`, with a residual of another size also
`residual.weight`; a LayerNorm has `norm.weight` and `norm.bias`.
"""

import dataclasses
import json
import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bert_tf.checkpoints import tensors
from bert_tf.checkpoints.mapping import Row
from bert_tf.checkpoints.source_files import HOW_TO_CONVERT, Files, write_json
from bert_tf.files import read_json
from bert_tf.layers.vector_modules import DENSE, DROPOUT, LAYER_NORM, NORMALIZE, VectorModule

CLASSES = {
    "Dense": DENSE,
    "LayerNorm": LAYER_NORM,
    "Normalize": NORMALIZE,
    "Dropout": DROPOUT,
}
_WEIGHTS, _PICKLE, _CONFIG = "model.safetensors", "pytorch_model.bin", "config.json"
_INPUT = "sentence_embedding"
_LARGEST = 1_000_000
# {class of torch.nn: name of ours}
_ACTIVATIONS = {
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.GELU": "gelu",
    "torch.nn.modules.activation.SiLU": "silu",
    "torch.nn.modules.linear.Identity": "",
}


@dataclasses.dataclass(frozen=True)
class Behind:
    """What stands behind the pooling.

    Attributes:
      modules: in order.
      readers: {path of a variable: gives its array}.
      rows: what became of each tensor.
    """

    modules: tuple[VectorModule, ...] = ()
    readers: Mapping[str, Callable[[], np.ndarray]] = dataclasses.field(default_factory=dict)
    rows: tuple[Row, ...] = ()


def class_of(module: VectorModule) -> str:
    """The name of its class."""
    return next(name for name, kind in CLASSES.items() if kind == module.kind)


def as_text(values: Any) -> str:
    """JSON for a file."""
    return json.dumps(values, indent=2) + "\n"


def read(files: Files, listed: Sequence[tuple[str, str]], size: int) -> Behind:
    """Reads the modules.

    Args:
      files: of the checkpoint.
      listed: (class, folder) of each, in order.
      size: of the pooled vector.

    Raises:
      ValueError: a setting or tensor is missing, damaged, or not what bert_tf does.
    """
    modules, readers, rows = [], {}, []
    for number, (name, folder) in enumerate(listed):
        path = files.find(f"{folder}/{_CONFIG}")
        values = read_json(path) if path else {}
        where = path or f"{files.folder}/{folder}/{_CONFIG}"
        module = _module(CLASSES[name], values, where, size)
        tensors_of_module = _tensors(module, number, size)
        if tensors_of_module:
            file = _open(files, folder)
            for theirs, (ours, shape) in tensors_of_module.items():
                their_shape = shape[::-1]
                if file.shapes.get(theirs) != their_shape:
                    found = file.shapes.get(theirs)
                    raise ValueError(
                        f"{file.path}: {theirs} has shape {list(found) if found else 'none'}; "
                        f"{where} says {list(their_shape)}."
                    )
                readers[ours] = _reader(file, theirs)
                rows.append(Row(f"{folder}/{theirs}", their_shape, ours, shape))
        modules.append(module)
        size = module.size
    return Behind(tuple(modules), readers, tuple(rows))


def _module(kind: str, values: Mapping[str, Any], where: str, size: int) -> VectorModule:
    for name in ("module_input_name", "module_output_name"):
        _check(where, values, name, _INPUT)
    if kind == DROPOUT:
        rate = values.get("dropout", 0.2)
        if type(rate) not in (int, float) or not 0 <= rate <= 1:
            raise ValueError(f"{where}: dropout is {rate!r:.40}; expected 0 to 1.")
        return VectorModule(DROPOUT, size, rate=float(rate))
    if kind == NORMALIZE:
        return VectorModule(NORMALIZE, size)
    if kind == LAYER_NORM:
        _check(where, values, "dimension", size, needed=True)
        return VectorModule(LAYER_NORM, size)
    _check(where, values, "in_features", size, needed=True)
    width = values.get("out_features")
    if type(width) is not int or not 1 <= width <= _LARGEST:
        raise ValueError(
            f"{where}: out_features is {width!r:.40}; expected a whole number from 1 on."
        )
    activation = values.get("activation_function", "torch.nn.modules.activation.Tanh")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise ValueError(
            f"{where}: activation_function is {activation!r:.80}; bert_tf reads "
            f"{', '.join(_ACTIVATIONS)}."
        )
    for name, usual in (("bias", True), ("use_residual", False)):
        if not isinstance(values.get(name, usual), bool):
            raise ValueError(f"{where}: {name} is {values[name]!r:.40}; expected true or false.")
    return VectorModule(
        DENSE,
        width,
        activation=_ACTIVATIONS[activation],
        use_bias=values.get("bias", True),
        residual=values.get("use_residual", False),
    )


def _check(
    where: str, values: Mapping[str, Any], name: str, expected: Any, *, needed: bool = False
) -> None:
    value = values.get(name)
    if value != expected and (needed or value is not None):
        raise ValueError(f"{where}: {name} is {value!r:.40}; bert_tf reads {expected!r}.")


def _tensors(
    module: VectorModule, number: int, size: int
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """{their name: (path, shape) of our variable}; matrices are transposed there."""
    if module.kind == LAYER_NORM:
        place = f"vectors/layer_norm_{number}"
        return {
            "norm.weight": (f"{place}/gamma", (size,)),
            "norm.bias": (f"{place}/beta", (size,)),
        }
    if module.kind != DENSE:
        return {}
    found = {"linear.weight": (f"vectors/dense_{number}/kernel", (size, module.size))}
    if module.use_bias:
        found["linear.bias"] = (f"vectors/dense_{number}/bias", (module.size,))
    if module.residual and module.size != size:
        found["residual.weight"] = (f"vectors/residual_{number}/kernel", (size, module.size))
    return found


def _open(files: Files, folder: str) -> tensors.SafetensorsFile:
    path = files.find(f"{folder}/{_WEIGHTS}")
    if path:
        return tensors.SafetensorsFile(path)
    pickle = files.find(f"{folder}/{_PICKLE}")
    if pickle:
        raise ValueError(f"{pickle} is not read: {HOW_TO_CONVERT}.")
    raise ValueError(f"{files.folder}/{folder}/{_WEIGHTS} is missing.")


def _reader(file: tensors.SafetensorsFile, name: str) -> Callable[[], np.ndarray]:
    return lambda: np.ascontiguousarray(file.read(name).T, np.float32)


def write(
    weights: Mapping[str, np.ndarray],
    modules: Sequence[VectorModule],
    places: Sequence[str],
    size: int,
) -> list[Row]:
    """Writes each module into its folder.

    Args:
      weights: of the checkpoint.
      modules: in order.
      places: the folder of each.
      size: of the pooled vector.

    Returns:
      What became of each variable of the modules.
    """
    rows = []
    names = {ours: theirs for theirs, ours in _ACTIVATIONS.items()}
    for number, (module, place) in enumerate(zip(modules, places, strict=True)):
        if module.kind == DENSE:
            values = {
                "in_features": size,
                "out_features": module.size,
                "bias": module.use_bias,
                "activation_function": names[module.activation],
            }
            values |= {"use_residual": True} if module.residual else {}
            write_json(place, _CONFIG, values)
        elif module.kind == LAYER_NORM:
            write_json(place, _CONFIG, {"dimension": size})
        elif module.kind == DROPOUT:
            write_json(place, _CONFIG, {"dropout": module.rate})
        table = _tensors(module, number, size)
        if table:
            tensors.write(
                posixpath.join(place, _WEIGHTS),
                [
                    (theirs, shape[::-1], lambda ours=ours: np.ascontiguousarray(weights[ours].T))
                    for theirs, (ours, shape) in table.items()
                ],
                metadata={"format": "pt"},
            )
        short = posixpath.basename(place)
        rows += [
            Row(f"{short}/{theirs}", shape[::-1], ours, shape)
            for theirs, (ours, shape) in table.items()
        ]
        size = module.size
    return rows
