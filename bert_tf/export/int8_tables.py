"""Embedding tables as int8 in a graph of ids, with a scale for each row.

The rows are looked up as integers and multiplied by their scales, so the file has a quarter of the
table's bytes and every runtime can read it.

Shape suffixes: V rows, W width.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from bert_tf.export.ids import IdsGraph, Weight
from bert_tf.quantization import integers

_SMALLEST = 1024  # numbers of a table
_TYPES = {name: tf.as_dtype(name).as_datatype_enum for name in ("int8", "float32")}


def with_int8_tables(graph: IdsGraph) -> IdsGraph:
    """The same graph, with tables as int8 where their rows are looked up."""
    definition = graph.function.graph.as_graph_def()
    nodes = {node.name: node for node in definition.node}
    for node in [node for node in definition.node if node.op == "GatherV2"]:
        weight = _weight_of(nodes.get(node.input[0].split(":")[0]), graph)
        if weight is not None:
            _replace(definition, node, weight, graph)
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(definition, name=""), [])
    ends = [
        [wrapped.graph.get_tensor_by_name(tensor.name) for tensor in tensors]
        for tensors in (graph.function.inputs, graph.function.outputs)
    ]
    return dataclasses.replace(graph, function=wrapped.prune(*ends))


def _weight_of(node: tf.compat.v1.NodeDef | None, graph: IdsGraph) -> Weight | None:
    """The table whose placeholder a node is; None: it is something else, or small."""
    if node is None or node.op != "Const" or node.attr["dtype"].type != _TYPES["float32"]:
        return None
    tensor = node.attr["value"].tensor
    size = int(np.prod([axis.size for axis in tensor.tensor_shape.dim]))
    if len(tensor.float_val) != 1 or size < _SMALLEST:
        return None
    return graph.weights.of_value(tensor.float_val[0], size)


def _replace(
    definition: tf.compat.v1.GraphDef, node: tf.compat.v1.NodeDef, table: Weight, graph: IdsGraph
) -> None:
    """Makes a lookup in a float table a product of two: of integers, and of scales."""
    name = node.name
    integers_VW, scales_V = integers.quantize_channels(table.read())
    rows = Weight(f"{table.path}/int8", table.shape, lambda: integers_VW)
    value = graph.weights.add_integers(rows)
    for suffix, array, shape in (
        ("integers", np.int8(value), table.shape),
        ("scales", scales_V[:, np.newaxis], None),
    ):
        constant = definition.node.add(op="Const", name=f"{name}/{suffix}")
        kind = _TYPES[array.dtype.name]
        constant.attr["dtype"].type = kind
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array, shape=shape))
        lookup = definition.node.add(op="GatherV2", name=f"{name}/{suffix}/rows")
        lookup.input.extend([constant.name, *node.input[1:]])
        for key, attribute in node.attr.items():
            lookup.attr[key].CopyFrom(attribute)
        lookup.attr["Tparams"].type = kind
        lookup.attr.pop("_output_shapes", None)
    cast = definition.node.add(op="Cast", name=f"{name}/float", input=[f"{name}/integers/rows"])
    cast.attr["SrcT"].type, cast.attr["DstT"].type = _TYPES["int8"], _TYPES["float32"]
    del node.input[:]
    node.attr.clear()
    node.op = "Mul"
    node.input.extend([cast.name, f"{name}/scales/rows"])
    node.attr["T"].type = _TYPES["float32"]
