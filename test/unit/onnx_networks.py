"""
Small quantized ONNX networks, one or several for an operator, that are to be equal to
what ONNX's own reference and onnxruntime compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx_models import Model, random_bytes

Build = Callable[[Model], None]

X, W, Y = 0.0372817, 0.0051937, 0.0813257
"""
Scales without common multiples: where the exact sum of two numbers lies on a tie, single
precision may err to either side.
"""

MAP = (1, 4, 6, 5)


def source(
    model: Model, shape: Sequence[int] = MAP, name: str = "x", scale: float = X
) -> str:
    return model.dequantize(model.input(shape, name=name), scale, 3)


def finish(model: Model, name: str, scale: float = Y, zero: int = -4) -> None:
    model.output(model.quantize(name, scale, zero))


def ints(model: Model, *numbers: int) -> str:
    return model.constant(np.array(numbers, np.int64))


def unary(
    op: str, shape: Sequence[int] = MAP, scale: float = X, zero: int = 3, **how: Any
) -> Build:
    """An operator of one input, by default on the grid of its input."""

    def build(model: Model) -> None:
        finish(model, model.node(op, source(model, shape), **how), scale, zero)

    return build


def binary(
    op: str, left: Sequence[int] = MAP, right: Sequence[int] = MAP, scale: float = Y
) -> Build:
    def build(model: Model) -> None:
        a, b = source(model, left, "a"), source(model, right, "b", W * 5)
        finish(model, model.node(op, a, b), scale)

    return build


def with_constant(
    op: str, shape: Sequence[int], first: bool = False, scale: float = Y
) -> Build:
    def build(model: Model) -> None:
        names = [source(model), model.weights(random_bytes(9, *shape), W * 6, 7)]
        finish(model, model.node(op, *(names[::-1] if first else names)), scale)

    return build


def number(op: str, value: float, last: bool = True) -> Build:
    def build(model: Model) -> None:
        names = [source(model), model.constant(np.float32(value))]
        finish(model, model.node(op, *(names if last else names[::-1])))

    return build


def biased(op: str) -> Build:
    """A convolution and a constant, which is its bias."""

    def build(model: Model) -> None:
        weights = model.weights(random_bytes(4, 3, 4, 1, 1), 1 / 256)
        x = model.dequantize(model.input(MAP), 0.5, 3)
        conv = model.node("Conv", x, weights)
        row = np.array([1.5, -3.25, 40], np.float32).reshape(1, 3, 1, 1)
        finish(model, model.node(op, conv, model.constant(row)), 0.5)

    return build


def limits(op: str, *bounds: float) -> Build:
    def build(model: Model) -> None:
        names = [model.constant(np.float32(bound)) for bound in bounds]
        finish(model, model.node(op, source(model), *names), X, 3)

    return build


def several(model: Model) -> None:
    names = [source(model, MAP, name) for name in ("a", "b")]
    names.append(source(model, (4, 1, 1), "c", Y))
    names += [
        model.constant(np.float32(0.5)),
        model.constant(np.linspace(-2, 3, 5, dtype=np.float32)),
    ]
    finish(model, model.node("Max", *names))


def uneven(model: Model) -> None:
    """No two numbers are alike along the height and along the width; two outputs."""
    x = model.dequantize(model.input((2, 4, 11, 7)), X, 3)
    how: dict[str, Any] = {"strides": [2, 1], "dilations": [1, 2], "group": 2}
    weights = model.weights(random_bytes(4, 6, 2, 3, 2), W)
    conv = model.node("Conv", x, weights, pads=[1, 0, 2, 3], **how)
    conv = model.dequantize(model.quantize(conv, Y, -4), Y, -4)
    pool = model.node("MaxPool", conv, kernel_shape=[2, 3], strides=[1, 2])
    finish(model, pool, Y, -4)
    how = {"kernel_shape": [3, 1], "strides": [1, 3], "pads": [1, 0, 1, 0]}
    mean = model.node("AveragePool", conv, count_include_pad=1, **how)
    finish(model, mean, Y / 2)


def extremum_of_a_convolution(model: Model) -> None:
    weights = model.weights(random_bytes(4, 3, 4, 1, 1), 1 / 256)
    x = model.dequantize(model.input(MAP), 0.5, 3)
    conv = model.node("Conv", x, weights)
    finish(model, model.node("Min", model.constant(np.float32(6)), conv), 0.5)


def prelu(slopes: np.ndarray, quantized: bool = True) -> Build:
    def build(model: Model) -> None:
        alpha = model.weights(slopes, 0.01, 5) if quantized else model.constant(slopes)
        finish(model, model.node("PRelu", source(model), alpha))

    return build


def sliced(
    *, shape: Sequence[int] = MAP, moved: Sequence[int] = (), **places: Sequence[int]
) -> Build:
    def build(model: Model) -> None:
        x = source(model, shape)
        x = model.node("Transpose", x, perm=list(moved)) if moved else x
        names = [
            ints(model, *places[key]) if key in places else ""
            for key in ("starts", "ends", "axes", "steps")
        ]
        while not names[-1]:
            names.pop()
        finish(model, model.node("Slice", x, *names), X, 3)

    return build


def split(sizes: Sequence[int], axis: int, explicit: bool = True) -> Build:
    """All parts are outputs, the first one on another grid."""

    def build(model: Model) -> None:
        inputs = [ints(model, *sizes)] if explicit else []
        how = {} if explicit else {"num_outputs": len(sizes)}
        outputs = [f"part_{i}" for i in range(len(sizes))]
        model.node("Split", source(model), *inputs, axis=axis, **how)
        node = model.nodes[-1]
        del node.output[:]
        node.output.extend(outputs)
        for i, name in enumerate(outputs):
            finish(model, name, Y if i == 0 else X, 3)

    return build


def split_channels_shuffled(model: Model) -> None:
    """Two halves of the channels change places, and one is convolved."""
    x = source(model, (1, 4, 5, 6))
    model.node("Split", x, axis=1, num_outputs=2)
    node = model.nodes[-1]
    del node.output[:]
    node.output.extend(["left", "right"])
    joined = model.node("Concat", "right", "left", axis=1)
    joined = model.dequantize(model.quantize(joined, X, 3), X, 3)
    weights = model.weights(random_bytes(4, 3, 4, 1, 1), W)
    finish(model, model.node("Conv", joined, weights))


def gathered(index: np.ndarray, axis: int) -> Build:
    def build(model: Model) -> None:
        picked = model.node("Gather", source(model), model.constant(index), axis=axis)
        finish(model, picked, X, 3)

    return build


def resized(
    shape: Sequence[int] = MAP,
    sizes: Sequence[int] = (),
    scales: Sequence[float] = (),
    **how: Any,
) -> Build:
    def build(model: Model) -> None:
        names = (
            ["", "", ints(model, *sizes)]
            if sizes
            else ["", model.constant(np.array(scales, np.float32))]
        )
        finish(model, model.node("Resize", source(model, shape), *names, **how), X, 3)

    return build


def view_of_size(model: Model) -> None:
    """What exporters write for `x.view(x.size(0), -1)`."""
    x = source(model)
    index = model.constant(np.array(0, np.int64))
    batch = model.node("Gather", model.node("Shape", x), index, axis=0)
    batch = model.node("Unsqueeze", batch, ints(model, 0))
    wanted = model.node("Concat", batch, ints(model, -1), axis=0)
    finish(model, model.node("Reshape", x, wanted), X, 3)


def doubled_by_shape(model: Model) -> None:
    """A new height and width, computed from the old ones."""
    x = source(model)
    shape = model.node("Shape", x)
    first = model.node("Slice", shape, ints(model, 0), ints(model, 2))
    last = model.node("Slice", shape, ints(model, 2), ints(model, 4))
    wide = model.node("Cast", last, to=1)
    wide = model.node("Mul", wide, model.constant(np.float32(2.4)))
    wide = model.node("Cast", model.node("Floor", wide), to=7)
    wide = model.node("Sub", wide, ints(model, 1, 0))
    wide = model.node("Div", model.node("Add", wide, wide), ints(model, 2, 2))
    sizes = model.node("Concat", first, wide, axis=0)
    how: dict[str, Any] = {
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    finish(model, model.node("Resize", x, "", "", sizes, **how), X, 3)


def q_operator(
    op: str, *shapes: Sequence[int], constant: int | None = None, **how: Any
) -> Build:
    """
    One of onnxruntime's own quantized operators, on grids where many sums are ties but
    for what single precision leaves of them; input `constant` is a constant.
    """

    def build(model: Model) -> None:
        grids = [model.grid(0.03 + 0.02 * i, 3 - i, "int8") for i in range(3)]
        inputs: list[str] = []
        for i, shape in enumerate(shapes):
            name = (
                model.constant(random_bytes(9, *shape))
                if i == constant
                else model.input(shape, name=f"x{i}")
            )
            inputs += [name, *grids[i % 2]]
        last = model.grid(0.04, -4, "int8")
        inputs = [*last, *inputs] if op == "QLinearConcat" else [*inputs, *last]
        model.output(model.node(op, *inputs, domain="com.microsoft", **how))

    return build


ROWS = (16, 64)

Q_OPERATORS: dict[str, Build] = {
    "q add": q_operator("QLinearAdd", ROWS, ROWS),
    "q add to a row": q_operator("QLinearAdd", (1, 64), ROWS),
    "q add to a column": q_operator("QLinearAdd", (16, 1), ROWS),
    "q add of a column": q_operator("QLinearAdd", ROWS, (16, 1)),
    "q add to a constant": q_operator("QLinearAdd", ROWS, ROWS, constant=0),
    "q add to a constant row": q_operator("QLinearAdd", (1, 64), ROWS, constant=0),
    "q add to a constant column": q_operator("QLinearAdd", (16, 1), ROWS, constant=0),
    "q mul": q_operator("QLinearMul", ROWS, ROWS),
    "q mul of a column": q_operator("QLinearMul", ROWS, (16, 1)),
    "q mul of a constant": q_operator("QLinearMul", (1, 64), ROWS, constant=0),
    "q concat": q_operator("QLinearConcat", MAP, MAP, (1, 2, 6, 5), axis=1),
    "q concat of a constant": q_operator("QLinearConcat", MAP, MAP, axis=3, constant=1),
    "q leaky relu": q_operator("QLinearLeakyRelu", ROWS, alpha=0.3),
    "q sigmoid": q_operator("QLinearSigmoid", ROWS),
}

RUNTIME_ONLY = {"resize by fractions", *Q_OPERATORS}
"""
ONNX's reference has no operators of onnxruntime's, and takes the ratio of the sizes for
the scale of a Resize.
"""

ASYMMETRIC: dict[str, Any] = {
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}


def resizes() -> dict[str, Build]:
    """Up and down, by whole numbers and others, in every way of counting."""
    found: dict[str, Build] = {}
    for how in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
        for nearest in ("round_prefer_floor", "floor", "ceil"):
            for sizes in ((12, 10), (3, 1), (9, 7), (1, 8), (4, 3), (6, 13)):
                modes: dict[str, Any] = {
                    "coordinate_transformation_mode": how,
                    "nearest_mode": nearest,
                }
                name = f"resize {how} {nearest} {sizes}"
                found[name] = resized(sizes=(1, 4, *sizes), **modes)
    return found


NETWORKS: dict[str, Build] = {
    "uneven": uneven,
    "sub": binary("Sub"),
    "sub, broadcast": binary("Sub", (1, 4, 1, 1), MAP),
    "sub a constant": with_constant("Sub", (4, 1, 1)),
    "sub from a constant": with_constant("Sub", (4, 1, 1), first=True),
    "sub from one number": with_constant("Sub", (1,), first=True),
    "sub a bias": biased("Sub"),
    "add, broadcast": binary("Add", (1, 4, 1, 1), MAP),
    "add, fewer dimensions": binary("Add", MAP, (6, 1)),
    "mul, broadcast": binary("Mul", MAP, (1, 4, 1, 1), 0.0012),
    "mul, broadcast matrix": binary("Mul", (1, 5), (3, 5), 0.0012),
    "max": binary("Max"),
    "min, broadcast": binary("Min", (1, 4, 1, 1), MAP),
    "max of a constant": with_constant("Max", (4, 1, 1)),
    "max of several": several,
    "max of a number": limits("Max", -0.37),
    "min of numbers": limits("Min", 1.11, 2.5),
    "min of a convolution": extremum_of_a_convolution,
    "prelu": prelu(random_bytes(5, 4, 1, 1)),
    "prelu, one slope": prelu(np.array([30], np.int8)),
    "prelu, a real slope": prelu(np.array([0.17], np.float32), quantized=False),
    **{
        f"{op} {'a number' if last else 'of a number'}": number(op, 0.37, last)
        for op in ("Add", "Sub", "Mul", "Div")
        for last in (True, False)
        if last or op != "Div"
    },
    "mul a quantized number": with_constant("Mul", (), scale=0.02),
    "slice": sliced(starts=(1, 0), ends=(3, 4), axes=(1, 3)),
    "slice, all axes": sliced(starts=(0, 1, 2, -4), ends=(9, -1, 6, -1)),
    "slice, steps": sliced(
        starts=(-1, 5), ends=(-100, 0), axes=(1, -2), steps=(-1, -2)
    ),
    "slice, every other": sliced(starts=(0, 1), ends=(9, 9), axes=(2, 3), steps=(2, 2)),
    "slice a matrix": sliced(shape=(2, 7), starts=(2,), ends=(2**31,), axes=(1,)),
    "slice transposed": sliced(
        moved=(0, 2, 3, 1), starts=(1, 1), ends=(4, 3), axes=(1, 3)
    ),
    "slice of everything": sliced(starts=(0,), ends=(6,), axes=(2,)),
    "split": split((1, 3), 1),
    "split, equal": split((2, 2), 1, explicit=False),
    "split, width": split((2, 1, 2), -1),
    "shuffle": split_channels_shuffled,
    "gather": gathered(np.array(2), 1),
    "gather, kept": gathered(np.array([-1]), 2),
    "view": view_of_size,
    "resize by a computed size": doubled_by_shape,
    "resize by scales": resized(scales=(1, 1, 2, 3), **ASYMMETRIC),
    "resize by fractions": resized(scales=(1, 1, 1.3, 0.7)),
    "resize a row": resized((1, 4, 7), (1, 4, 11)),
    "resize to the same": resized(sizes=MAP, mode="linear"),
    "leaky relu": unary("LeakyRelu", scale=0.011, alpha=0.1),
    **resizes(),
    **Q_OPERATORS,
}
