"""
Operators of TensorFlow Lite that move elements.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tflite
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.constants import ELEMENT_TYPES
from tinyml.dialects.tinyml import (
    ConcatOp,
    PadOp,
    ReshapeOp,
    ResizeBilinearOp,
    ResizeNearestOp,
    SliceOp,
    TransposeOp,
)
from tinyml.frontend.tflite_file import Operator, Tensor
from tinyml.frontend.tflite_importer import ACTIVATIONS, Handlers, Importer, Support


def import_pad(importer: Importer, operator: Operator) -> None:
    source, output = operator.input(0), operator.output
    pads = importer.integers(operator.input(1))
    value = output.zero_point
    if operator.kind == "PADV2":
        value = padding_value(importer, operator.input(2), output)
    x = importer.value(source, "int8", "uint8")
    y = importer.result(output, "int8", "uint8")
    importer.layer(PadOp(x, y, pads[::2], pads[1::2], value))


def padding_value(importer: Importer, tensor: Tensor, output: Tensor) -> int:
    """The number that PADV2 writes around its input."""
    importer.expect(tensor, output.type)
    numbers = importer.array(tensor).ravel().tolist()
    if len(numbers) != 1:
        raise DiagnosticException(
            f'the value "{tensor.name}" has {len(numbers)} elements, expected 1'
        )
    return numbers[0]


def import_reshape(importer: Importer, operator: Operator) -> None:
    source, output = operator.input(0), operator.output
    if importer.is_constant(source):
        importer.fold(output, importer.array(source))
        return
    x = importer.value(source, *ELEMENT_TYPES)
    importer.layer(ReshapeOp(x, importer.result(output, source.type)))


def import_transpose(importer: Importer, operator: Operator) -> None:
    source, output = operator.input(0), operator.output
    permutation = importer.integers(operator.input(1))
    x = importer.value(source, *ELEMENT_TYPES)
    importer.layer(TransposeOp(x, importer.result(output, source.type), permutation))


def import_shape(importer: Importer, operator: Operator) -> None:
    importer.fold(operator.output, np.array(operator.input(0).shape, np.int32))


def same_grid(operator: Operator) -> None:
    """Moving elements between tensors asks for one quantization."""
    output = operator.outputs[0]
    for tensor in (*operator.inputs, *operator.outputs):
        if tensor is None or tensor.scales.size != 1 or output.scales.size != 1:
            continue
        if (tensor.scale, tensor.zero_point) != (output.scale, output.zero_point):
            raise DiagnosticException(
                f'tensors "{tensor.name}" and "{output.name}" are not quantized alike'
            )


def normal_axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise DiagnosticException(f"axis {axis} is not one of {rank} dimensions")
    return axis % rank


def import_concatenation(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.ConcatenationOptions)
    output = operator.output
    if ACTIVATIONS.get(options.FusedActivationFunction()) != "NONE":
        raise DiagnosticException("a fused activation is not supported")
    same_grid(operator)
    tensors = [operator.input(i) for i in range(len(operator.inputs))]
    inputs = [importer.value(tensor, *ELEMENT_TYPES) for tensor in tensors]
    axis = normal_axis(options.Axis(), len(output.shape))
    y = importer.result(output, *ELEMENT_TYPES)
    importer.layer(ConcatOp(inputs, y, axis))


def import_pack(importer: Importer, operator: Operator) -> None:
    """Tensors stacked along a new dimension: concatenated with a size of 1 there."""
    options = operator.options(tflite.PackOptions)
    output = operator.output
    axis = normal_axis(options.Axis(), len(output.shape))
    tensors = [operator.input(i) for i in range(len(operator.inputs))]
    if all(importer.is_constant(tensor) for tensor in tensors):
        arrays = [importer.array(tensor) for tensor in tensors]
        if len({array.shape for array in arrays}) != 1:
            raise DiagnosticException("the inputs differ in shape")
        importer.fold(output, np.stack(arrays, axis))
        return
    same_grid(operator)
    parts: list[SSAValue] = []
    for tensor in tensors:
        x = importer.value(tensor, *ELEMENT_TYPES)
        shape = (*tensor.shape[:axis], 1, *tensor.shape[axis:])
        parts.append(importer.builder.buffer(shape, tensor.element))
        importer.helper_layer(ReshapeOp(x, parts[-1]))
    importer.layer(ConcatOp(parts, importer.result(output, *ELEMENT_TYPES), axis))


def import_unpack(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.UnpackOptions)
    source = operator.input(0)
    axis = normal_axis(options.Axis(), len(source.shape))
    if len(operator.outputs) != source.shape[axis]:
        raise DiagnosticException(
            f"{len(operator.outputs)} outputs for {source.shape[axis]} parts"
        )
    for number, output in enumerate(operator.outputs):
        write_slice(importer, source, output, axis, number, 1)


def import_split(importer: Importer, operator: Operator) -> None:
    source, place = operator.input(1), operator.input(0)
    if operator.kind == "SPLIT_V":
        source, place = operator.input(0), operator.input(2)
    axis = normal_axis(importer.integer(place), len(source.shape))
    start = 0
    for output in operator.outputs:
        if len(output.shape) != len(source.shape):
            raise DiagnosticException(
                f'"{output.name}" has another number of dimensions'
            )
        write_slice(importer, source, output, axis, start, output.shape[axis])
        start += output.shape[axis]
    if start != source.shape[axis]:
        raise DiagnosticException(
            f"the parts have {start} along axis {axis}, the whole {source.shape[axis]}"
        )


def write_slice(
    importer: Importer,
    source: Tensor,
    output: Tensor,
    axis: int,
    start: int,
    size: int,
) -> None:
    """`output` is `size` elements from `start` along an axis of `source`."""
    same_grid(importer.operator)
    rank = len(source.shape)
    offsets = [start if i == axis else 0 for i in range(rank)]
    shape = [size if i == axis else n for i, n in enumerate(source.shape)]
    cut(importer, source, output, offsets, [1] * rank, shape)


def cut(
    importer: Importer,
    source: Tensor,
    output: Tensor,
    offsets: Sequence[int],
    strides: Sequence[int],
    shape: Sequence[int],
) -> None:
    """A slice of `shape`, reshaped where the output drops dimensions."""
    x = importer.value(source, *ELEMENT_TYPES)
    if tuple(shape) == output.shape:
        y = importer.result(output, source.type)
        importer.layer(SliceOp(x, y, offsets, strides), output)
        return
    part = importer.builder.buffer(shape, source.element)
    importer.helper_layer(SliceOp(x, part, offsets, strides))
    importer.layer(ReshapeOp(part, importer.result(output, source.type)), output)


def import_slice(importer: Importer, operator: Operator) -> None:
    source, output = operator.input(0), operator.output
    same_grid(operator)
    begin = importer.integers(operator.input(1))
    cut(importer, source, output, begin, [1] * len(begin), output.shape)


def import_strided_slice(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.StridedSliceOptions)
    source, output = operator.input(0), operator.output
    begin, end, strides = (importer.integers(operator.input(i)) for i in (1, 2, 3))
    if options.EllipsisMask() or options.NewAxisMask():
        raise DiagnosticException("ellipsis and new axis are not supported")
    if not len(begin) == len(end) == len(strides) <= len(source.shape):
        raise DiagnosticException(
            f"begin, end and strides have {len(begin)}, {len(end)} and {len(strides)} "
            f"numbers for {len(source.shape)} dimensions"
        )
    places: list[range] = []
    for axis, size in enumerate(source.shape):
        if axis >= len(begin):
            places.append(range(size))
            continue
        bit = 1 << axis
        if strides[axis] == 0:
            raise DiagnosticException(f"the stride along axis {axis} is 0")
        first = None if options.BeginMask() & bit else begin[axis]
        last = None if options.EndMask() & bit else end[axis]
        if options.ShrinkAxisMask() & bit:
            index = normal_axis(begin[axis], size)
            places.append(range(index, index + 1))
        else:
            places.append(range(size)[slice(first, last, strides[axis])])
    if any(not place for place in places):
        raise DiagnosticException("the slice is empty")
    if importer.is_constant(source):
        importer.fold(output, importer.array(source)[np.ix_(*places)])
        return
    same_grid(operator)
    offsets = [place[0] for place in places]
    steps = [place.step for place in places]
    cut(importer, source, output, offsets, steps, [len(place) for place in places])


def import_resize(importer: Importer, operator: Operator) -> None:
    nearest = operator.kind == "RESIZE_NEAREST_NEIGHBOR"
    options = operator.options(
        tflite.ResizeNearestNeighborOptions if nearest else tflite.ResizeBilinearOptions
    )
    source, output = operator.input(0), operator.output
    same_grid(operator)
    op = ResizeNearestOp if nearest else ResizeBilinearOp
    x = importer.value(source, "int8")
    y = importer.result(output, "int8")
    importer.layer(op(x, y, options.AlignCorners(), options.HalfPixelCenters()))


HANDLERS: Handlers = {
    "CONCATENATION": Support(
        import_concatenation, "any axis; quantized alike; no fused activation"
    ),
    "EXPAND_DIMS": Support(import_reshape, "any type"),
    "PACK": Support(import_pack, "any axis; quantized alike; folded if constant"),
    "PAD": Support(import_pad, "int8 or uint8; constant paddings"),
    "PADV2": Support(import_pad, "int8 or uint8; constant paddings and value"),
    "RESHAPE": Support(import_reshape, "any type; folded if constant"),
    "RESIZE_BILINEAR": Support(
        import_resize, "int8; align corners or half pixel centers"
    ),
    "RESIZE_NEAREST_NEIGHBOR": Support(
        import_resize, "int8; align corners or half pixel centers"
    ),
    "SHAPE": Support(import_shape, "folded: shapes are static"),
    "SLICE": Support(import_slice, "constant begin and size"),
    "SPLIT": Support(import_split, "constant axis; quantized alike"),
    "SPLIT_V": Support(import_split, "constant axis and sizes; quantized alike"),
    "SQUEEZE": Support(import_reshape, "any type"),
    "STRIDED_SLICE": Support(
        import_strided_slice,
        "constant places; begin, end and shrink masks; folded if constant",
    ),
    "TRANSPOSE": Support(import_transpose, "any permutation"),
    "UNPACK": Support(import_unpack, "any axis; quantized alike"),
}
