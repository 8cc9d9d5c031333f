"""
Spells PyTorch's operators that take parts of a tensor or repeat its elements: split,
chunk, slice, select, upsample_nearest2d.
"""

from __future__ import annotations

import numpy as np

from tinyml.frontend.qdq_graph import Node
from tinyml.frontend.torch_program import Argument, Call
from tinyml.frontend.torch_spelling import Spelling


def spell_getitem(spelling: Spelling, call: Call) -> None:
    """A part of a Split, or the first of other results."""
    name, index = call.tensor("0"), call.integer("1")
    if (parts := spelling.parts.get(name)) is not None:
        if not -len(parts) <= index < len(parts):
            raise call.refuse(f"result {index} of {len(parts)}")
        spelling.add(call, "Identity", parts[index])
        return
    if index != 0:
        raise call.refuse("only the first result of an operator is supported")
    spelling.add(call, "Identity", name)


def spell_split(spelling: Spelling, call: Call) -> None:
    """Into parts of given sizes, of one size, or a number of parts."""
    name = call.tensor("self")
    shape = spelling.shapes.get(name, ())
    axis = call.axis(call.integer("dim"))
    if axis >= len(shape):
        raise call.refuse(f"axis {axis} of {list(shape)}")
    size = shape[axis]
    if "split_sizes" in call.arguments:
        sizes = call.integers("split_sizes")
    else:
        if "chunks" in call.arguments:
            length = -(-size // max(1, call.integer("chunks")))
        else:
            length = call.integer("split_size")
        if length < 1:
            raise call.refuse(f"parts of {length}")
        sizes = tuple(min(length, size - i) for i in range(0, size, length))
    outputs = tuple(f"{call.name} ({i})" for i in range(len(sizes)))
    spelling.parts[call.name] = outputs
    lengths = spelling.constant(call, "sizes", np.array(sizes, np.int64))
    spelling.nodes.append(
        Node(
            *(call.index, "Split", call.name, (name, lengths), outputs),
            {"axis": axis},
            call.target,
        )
    )


def spell_slice(spelling: Spelling, call: Call) -> None:
    places = {
        "starts": 0 if call.arguments["start"] is None else call.integer("start"),
        "ends": 2**31 - 1 if call.arguments["end"] is None else call.integer("end"),
        "axes": call.axis(call.integer("dim")),
        "steps": call.integer("step"),
    }
    constants = [
        spelling.constant(call, what, np.array([number], np.int64))
        for what, number in places.items()
    ]
    spelling.add(call, "Slice", call.tensor("self"), *constants)


def spell_select(spelling: Spelling, call: Call) -> None:
    axis, rank = call.integer("dim"), len(call.shape) + 1
    number = np.array(call.integer("index"), np.int64)
    index = spelling.constant(call, "index", number)
    axis = axis + rank if axis < 0 else axis
    spelling.add(call, "Gather", call.tensor("self"), index, axis=axis)


def spell_upsample_nearest(spelling: Spelling, call: Call) -> None:
    """Where elements are is computed in single precision, as PyTorch does."""
    name = call.tensor("input" if "input" in call.arguments else "self")
    source, result = spelling.shapes.get(name, ()), call.shape
    if len(source) != 4 or len(result) != 4 or min(source + result) < 1:
        raise call.refuse(f"{list(source)} to {list(result)}, expected maps")
    if "scale_factors" in call.arguments:
        factors = call.arguments["scale_factors"] or (None, None)
    else:
        factors = call.arguments["scales_h"], call.arguments["scales_w"]
    if not isinstance(factors, tuple) or len(factors) != 2:
        raise call.refuse(f"scale_factors are {factors}, expected two")
    rows, columns = (
        nearest_places(source[axis], result[axis], factor)
        for axis, factor in zip((2, 3), factors, strict=True)
    )
    spelling.add(call, "Resize", name, rows=rows, columns=columns)


def nearest_places(size: int, outputs: int, factor: Argument) -> tuple[int, ...]:
    """The input index of each output index (`UpSample.h`)."""
    if isinstance(factor, int | float) and factor > 0:
        scale = np.float32(1.0 / factor)
    else:
        scale = np.float32(size) / np.float32(outputs)
    places = np.floor(np.arange(min(outputs, 1 << 16), dtype=np.float32) * scale)
    return tuple(np.minimum(places.astype(np.int64), size - 1).tolist())
