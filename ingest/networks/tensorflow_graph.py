"""Reads the constants of a frozen TensorFlow graph, without TensorFlow.

The messages below are the part of tensorflow/core/framework/{graph, node_def, attr_value, tensor,
tensor_shape}.proto that is needed for them; protobuf skips every other field.
"""

from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

_PACKAGE = "person_count.graph"
_DT_FLOAT = 1
_Field = descriptor_pb2.FieldDescriptorProto
# message: (field, number, type, repeated); a type given as text is a message above it
_MESSAGES: dict[str, tuple[tuple[str, int, Any, bool], ...]] = {
    "Dim": (("size", 1, _Field.TYPE_INT64, False),),
    "Shape": (("dim", 2, "Dim", True),),
    "Tensor": (
        ("dtype", 1, _Field.TYPE_INT32, False),
        ("shape", 2, "Shape", False),
        ("content", 4, _Field.TYPE_BYTES, False),
        ("float_val", 5, _Field.TYPE_FLOAT, True),
    ),
    "Value": (("tensor", 8, "Tensor", False),),
    "Attribute": (("key", 1, _Field.TYPE_STRING, False), ("value", 2, "Value", False)),
    "Node": (
        ("name", 1, _Field.TYPE_STRING, False),
        ("op", 2, _Field.TYPE_STRING, False),
        ("attr", 5, "Attribute", True),
    ),
    "Graph": (("node", 1, "Node", True),),
}


def _graph_class() -> Any:  # noqa: ANN401 - a class made at run time
    file = descriptor_pb2.FileDescriptorProto(
        name="person_count/graph.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            added = message.field.add(name=field, number=number)
            added.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            if isinstance(kind, str):
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Graph"))


def float_constants(graph: bytes) -> dict[str, NDArray[np.float32]]:
    """Every float constant of a serialised GraphDef by node name.

    Raises:
        ValueError: the bytes are no GraphDef.
    """
    try:
        parsed = _graph_class().FromString(graph)
    except DecodeError as error:
        raise ValueError(f"this is no TensorFlow graph: {error}") from error
    return {
        node.name: _array(attribute.value.tensor)
        for node in parsed.node
        if node.op == "Const"
        for attribute in node.attr
        if attribute.key == "value" and attribute.value.tensor.dtype == _DT_FLOAT
    }


def _array(tensor: Any) -> NDArray[np.float32]:  # noqa: ANN401 - a class made at run time
    shape = [dim.size for dim in tensor.shape.dim]
    numbers = np.frombuffer(tensor.content, "<f4")
    if not numbers.size:
        numbers = np.array(tensor.float_val, np.float32)
    if numbers.size == 1:  # TensorFlow stores a tensor of equal numbers as one
        return np.full(shape, numbers[0], np.float32)
    return numbers.reshape(shape)
