"""
Reads an ONNX model into plain records: nodes, constants, typed inputs and outputs.

Nothing here knows what an operator means. Every problem with the file ends in a
DiagnosticException of one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.names import is_printable, printable
from tinyml.frontend.qdq_graph import AttributeValue, Graph, Node, TensorInfo

OLDEST_OPSET = 11


def read_graph(data: bytes) -> Graph:
    """The graph in an ONNX file's bytes, accepted by ONNX's own checker."""
    try:
        model = onnx.load_from_string(data)
    except DecodeError:
        raise DiagnosticException("not an ONNX model") from None
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise DiagnosticException(
                f'constant "{tensor.name}" is in a file of its own, expected the model '
                "in one file (onnx.save with save_as_external_data=False)"
            )
    try:
        # onnx declares a PathLike without saying of what.
        expect_printable_names(model.graph)
        onnx.checker.check_model(model)  # pyright: ignore[reportUnknownMemberType]
        return graph_of(model)
    except (onnx.checker.ValidationError, KeyError, ValueError) as error:
        # What the checker lets through or trips over itself: text that is not text,
        # unknown types, data of another size than its shape.
        first_line = printable(str(error).strip().split("\n")[0])
        raise DiagnosticException(f"invalid ONNX: {first_line}") from error


def expect_printable_names(graph: onnx.GraphProto) -> None:
    """Refuses names that would break the line of a message that quotes them."""
    infos = (*graph.input, *graph.output, *graph.initializer)
    names: list[str | bytes] = [info.name for info in infos]
    for node in graph.node:
        names += [node.name, node.domain, node.op_type, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    for name in names:
        # Protobuf gives the bytes of what is not UTF-8.
        if isinstance(name, bytes):
            raise ValueError(f"the name {name!r} is not UTF-8")
        if not is_printable(name):
            raise ValueError(f"the name {printable(name)!r} has control characters")


def graph_of(model: onnx.ModelProto) -> Graph:
    """The graph of a model that the checker has accepted."""
    # Operators of other domains alone do not need a version of the standard ones.
    opsets = [s.version for s in model.opset_import if s.domain in ("", "ai.onnx")]
    opset = opsets[0] if opsets else OLDEST_OPSET
    if opset < OLDEST_OPSET:
        raise DiagnosticException(
            f"the model has opset {opset}, supported are {OLDEST_OPSET} and newer"
        )
    if len(model.functions):
        raise DiagnosticException(
            f"model-local function '{model.functions[0].name}' is not supported; "
            "inline the model's functions first (onnx.inliner)"
        )
    graph = model.graph
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    return Graph(
        graph.name,
        opset,
        tuple(_info(v) for v in graph.input if v.name not in constants),
        tuple(v.name for v in graph.output),
        tuple(_nodes(graph.node)),
        constants,
    )


def _nodes(protos: Sequence[onnx.NodeProto]) -> Iterator[Node]:
    for index, proto in enumerate(protos):
        standard = proto.domain in ("", "ai.onnx")
        if not proto.output or not proto.output[0]:
            raise DiagnosticException(
                f'node {index} {proto.op_type} "{proto.name}": the first output has no '
                "name"
            )
        yield Node(
            index,
            proto.op_type if standard else f"{proto.domain}.{proto.op_type}",
            proto.name or proto.output[0],
            tuple(proto.input),
            tuple(proto.output),
            {a.name: _attribute(a) for a in proto.attribute},
        )


def _attribute(proto: onnx.AttributeProto) -> AttributeValue:
    """The value of an attribute, None for a kind that no supported operator has."""
    match proto.type:
        case onnx.AttributeProto.INT:
            return proto.i
        case onnx.AttributeProto.FLOAT:
            return proto.f
        case onnx.AttributeProto.STRING:
            return proto.s.decode()
        case onnx.AttributeProto.INTS:
            return tuple(proto.ints)
        case onnx.AttributeProto.TENSOR:
            return numpy_helper.to_array(proto.t)
        case _:
            return None


def _info(proto: onnx.ValueInfoProto) -> TensorInfo:
    if not proto.type.HasField("tensor_type"):
        raise DiagnosticException(f'input "{proto.name}" is not a tensor')
    tensor = proto.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    sizes = [d.dim_value or d.dim_param for d in tensor.shape.dim]
    # A batch of unknown size is a batch of one; nothing else can be guessed.
    shape = [1 if i == 0 and not isinstance(n, int) else n for i, n in enumerate(sizes)]
    if not all(isinstance(n, int) and n > 0 for n in shape):
        raise DiagnosticException(
            f'input "{proto.name}" has the shape {sizes}; every dimension but the '
            "first needs a size"
        )
    return TensorInfo(proto.name, dtype, tuple(n for n in shape if isinstance(n, int)))
