"""
Why two computations of a layer differ: the likely cause, tried one after the other.

What can be seen on the layers themselves comes first, then what computing the layer in
another way shows, then the pattern of the elements that differ. Whoever asks has the
layer's inputs, which are equal in both.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.ir import Attribute

from tinyml.dialects.attributes import Rounding, RoundingAttr
from tinyml.dialects.constants import find_global, global_array, numpy_dtype
from tinyml.dialects.layer import LayerOp, buffer_type
from tinyml.interp.memref import uninitialized
from tinyml.interp.run import make_interpreter
from tinyml.tools.network_trace import compare_arrays

Arrays = Sequence[np.ndarray]


@dataclass(frozen=True)
class Observed:
    """
    A layer and its inputs on some sets, what it makes of them, and what the other side
    has instead. Of a lowered layer only the latter two are known.
    """

    layer: LayerOp | None
    inputs: Sequence[Arrays]
    mine: Arrays
    other: Arrays


def cause_of(observed: Observed, other_layer: LayerOp | None = None) -> str:
    """The most likely cause, in words."""
    if observed.layer is not None and other_layer is not None:
        found = layer_differences(observed.layer, other_layer)
        if found:
            return "; ".join(found)
    for cause in CAUSES:
        if (text := cause(observed)) is not None:
            return text
    return "unknown"


def layer_differences(a: LayerOp, b: LayerOp) -> list[str]:
    """What two layers have in different ways: attributes, and constants they name."""
    if a.name != b.name:
        return [f"another layer: {b.name}, was {a.name}"]
    found: list[str] = []
    for name in dict.fromkeys([*a.properties, *b.properties]):
        old, new = a.properties.get(name), b.properties.get(name)
        if isinstance(old, SymbolRefAttr) and isinstance(new, SymbolRefAttr):
            text = constant_difference(name, a, old, b, new)
        else:
            text = None if old == new else f"{name}: {new}, was {old}"
        found += [] if text is None else [text]
    return found


def constant_difference(
    name: str, a: LayerOp, old: SymbolRefAttr, b: LayerOp, new: SymbolRefAttr
) -> str | None:
    first, second = constant(a, old), constant(b, new)
    if first is None or second is None:
        return f"{name}: not in both"
    if first.shape != second.shape or first.dtype != second.dtype:
        return f"{name}: {described(second)}, was {described(first)}"
    difference = compare_arrays(name, first, second)
    return None if difference is None else str(difference)


def described(array: np.ndarray) -> str:
    return f"{'x'.join(str(size) for size in array.shape)}x{array.dtype}"


def constant(op: LayerOp, symbol: SymbolRefAttr) -> np.ndarray | None:
    found = find_global(op, symbol)
    return None if found is None else global_array(found)


def computed(observed: Observed, name: str, attribute: Attribute) -> list[np.ndarray]:
    """What the layer would make of its inputs with another attribute."""
    layer = observed.layer
    assert layer is not None
    module = layer.parent_op()
    while module is not None and not isinstance(module, ModuleOp):
        module = module.parent_op()
    assert module is not None
    kept = layer.properties[name]
    layer.properties[name] = attribute
    try:
        return [run_layer(module, layer, arrays) for arrays in observed.inputs]
    finally:
        layer.properties[name] = kept


def run_layer(module: ModuleOp, layer: LayerOp, inputs: Arrays) -> np.ndarray:
    """What a layer makes of its inputs, by the interpreter."""
    type = buffer_type(layer.layer_output)
    output = uninitialized(type.get_shape(), numpy_dtype(type.element_type))
    make_interpreter(module).run_op(layer, (*inputs, output))
    return output


def same(a: Arrays, b: Arrays) -> bool:
    """Whether all arrays have the same bytes."""
    return all(compare_arrays("", x, y) is None for x, y in zip(a, b, strict=True))


def roundings(observed: Observed) -> Iterator[tuple[str, list[np.ndarray]]]:
    """What a layer makes of its inputs with each of the other roundings."""
    layer = observed.layer
    old = None if layer is None else layer.properties.get("rounding")
    if not isinstance(old, RoundingAttr):
        return
    for other in Rounding:
        if other is old.data:
            continue
        try:
            found = computed(observed, "rounding", RoundingAttr(other))
        except (ArithmeticError, AssertionError, TypeError, ValueError):
            # Not every layer has every rounding.
            continue
        yield f"rounding: as {other} in place of {old.data}", found


def rounding(observed: Observed) -> str | None:
    """Whether another rounding gives just what the other side has."""
    for text, found in roundings(observed):
        if same(found, observed.other):
            return text
    return None


def cause_of_checksum(observed: Observed, expected: Sequence[int]) -> str:
    """The likely cause where of the other side only the CRC-32 of each set is known."""
    for text, found in (*roundings(observed), *offsets(observed)):
        if [zlib.crc32(array.tobytes()) for array in found] == list(expected):
            return text
    return "unknown: no other rounding or zero point gives the reference"


def offsets(observed: Observed) -> Iterator[tuple[str, list[np.ndarray]]]:
    """What a layer makes of its inputs, a step or two higher or lower."""
    if any(array.dtype.kind == "f" for array in observed.mine):
        return
    for step in (-2, -1, 1, 2):
        found: list[np.ndarray] = []
        for array in observed.mine:
            ends = np.iinfo(array.dtype.name)
            moved = np.clip(array.astype(np.int64) + step, ends.min, ends.max)
            found.append(moved.astype(array.dtype))
        yield f"zero point: all elements are {step:+d}", found


def flat(arrays: Arrays) -> np.ndarray:
    """The numbers of arrays, one behind the other, exact."""
    whole = np.concatenate([array.reshape(-1) for array in arrays])
    return whole if whole.dtype.kind == "f" else whole.astype(np.int64)


def channel_order(observed: Observed) -> str | None:
    """Whether the other side has the same channels in another order."""
    count = observed.mine[0].shape[-1] if observed.mine[0].ndim else 1
    mine, other = (
        np.concatenate([array.reshape(-1, count) for array in arrays])
        for arrays in (observed.mine, observed.other)
    )
    if not np.array_equal(np.sort(mine.sum(axis=0)), np.sort(other.sum(axis=0))):
        return None
    places: dict[bytes, list[int]] = {}
    for channel in range(count):
        places.setdefault(mine[:, channel].tobytes(), []).append(channel)
    order: list[int] = []
    for channel in range(count):
        free = places.get(other[:, channel].tobytes())
        if not free:
            return None
        order.append(free.pop(0))
    moved = [(to, was) for to, was in enumerate(order) if to != was]
    shown = ", ".join(f"{to} is {was}" for to, was in moved[:4])
    return f"order of channels: {shown}{', ...' if len(moved) > 4 else ''}"


def zero_point(observed: Observed) -> str | None:
    """Whether all elements differ by one number, but for those at an end."""
    if observed.mine[0].dtype.kind == "f":
        return None
    mine, other = flat(observed.mine), flat(observed.other)
    ends = {mine.min(), mine.max(), other.min(), other.max()}
    inner = ~np.isin(mine, list(ends)) & ~np.isin(other, list(ends))
    steps = np.unique((other - mine)[inner])
    if len(steps) != 1 or steps[0] == 0:
        return None
    return f"zero point: all elements are {steps[0]:+d}, but for those at an end"


def clamp(observed: Observed) -> str | None:
    """Whether one side is the other with its ends cut off."""
    mine, other = flat(observed.mine), flat(observed.other)
    for a, b, text in ((mine, other, "to"), (other, mine, "is missing:")):
        low, high = b.min(), b.max()
        if np.array_equal(np.clip(a, low, high), b):
            return f"clamp {text} [{low}, {high}]"
    return None


def border(observed: Observed) -> str | None:
    """Whether only elements differ whose windows look beyond the border."""
    shape = observed.mine[0].shape
    layer = observed.layer
    if layer is None or not layer.layer_inputs or len(shape) != 4:
        return None
    if (axes := layer.access(0)) is None:
        return None
    size = observed.inputs[0][0].shape[1:3]
    edges: list[np.ndarray] = []
    for axis, length, count in zip(axes, size, shape[1:3], strict=True):
        taps = [axis.taps(output, length) for output in range(count)]
        edges.append(np.array([taken != (0, axis.kernel) for taken in taps]))
    rows, columns = edges
    touches = rows[:, None] | columns[None, :]
    if touches.all() or not touches.any():
        return None
    differs = np.zeros(shape[1:3], bool)
    for a, b in zip(observed.mine, observed.other, strict=True):
        differs |= (a != b.reshape(a.shape)).any(axis=(0, 3))
    if (differs & ~touches).any():
        return None
    return "border: only elements differ whose windows reach into padding"


def single_steps(observed: Observed) -> str | None:
    """Whether the differences are of 1, as roundings make them."""
    if observed.mine[0].dtype.kind == "f":
        return None
    steps = np.abs(flat(observed.mine) - flat(observed.other))
    if steps.max() != 1:
        return None
    share = 100 * float((steps == 1).mean())
    return f"perhaps rounding: {share:.2g} % of the elements differ, all by 1"


CAUSES: Sequence[Callable[[Observed], str | None]] = (
    rounding,
    channel_order,
    zero_point,
    clamp,
    border,
    single_steps,
)
