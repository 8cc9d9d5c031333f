"""
Spells PT2E's `quantized_decomposed` operators as QuantizeLinear and DequantizeLinear.

Both round half to even. PyTorch multiplies with the inverse of the scale where ONNX
divides: in single precision the two differ only next to a tie, and only for the reals
that enter a program. Source: `torch/ao/quantization/fx/_decomposed.py`.
"""

from __future__ import annotations

import numpy as np

from tinyml.frontend.torch_program import Call
from tinyml.frontend.torch_spelling import Spelling

BYTES = ("torch.int8", "torch.uint8", "torch.int16", "torch.int32")


def grid(spelling: Spelling, call: Call) -> tuple[np.ndarray, np.ndarray]:
    """Scales, and zero points in the type of the integers."""
    plural = "s" if "scales" in call.arguments else ""
    scale = spelling.reals(call, f"scale{plural}")
    zero = spelling.array(call, f"zero_point{plural}")
    if not (np.isfinite(scale) & (scale > 0)).all():
        raise call.refuse("a scale is not positive float32")
    if zero.size != scale.size:
        raise call.refuse(f"{zero.size} zero points for {scale.size} scales")
    if (dtype := call.arguments["dtype"]) not in BYTES:
        raise call.refuse(f"dtype {dtype} is not supported, only {', '.join(BYTES)}")
    integer = np.dtype(str(dtype).removeprefix("torch."))
    limits = np.iinfo(integer)
    if zero.size and not limits.min <= zero.min() <= zero.max() <= limits.max:
        raise call.refuse(f"a zero point is not in [{limits.min}, {limits.max}]")
    return scale, zero.astype(integer)


def axis_of(call: Call) -> int:
    return call.integer("axis") if "axis" in call.arguments else 0


def spell_quantize(spelling: Spelling, call: Call) -> None:
    """
    QuantizeLinear, of a constant the integers themselves. Where the program allows
    fewer integers than the type holds, a Clip says so.
    """
    scale, zero = grid(spelling, call)
    low, high = call.integer("quant_min"), call.integer("quant_max")
    limits = np.iinfo(zero.dtype)
    if not limits.min <= low <= high <= limits.max:
        raise call.refuse(
            f"quant_min {low} and quant_max {high} are no range of {zero.dtype}"
        )
    source, axis = call.tensor("input"), axis_of(call)
    if (array := spelling.constants.get(source)) is not None:
        sizes = [1] * array.ndim
        if scale.size > 1:
            if not 0 <= axis < array.ndim or array.shape[axis] != scale.size:
                raise call.refuse(
                    f"{scale.size} scales along axis {axis} of {list(array.shape)}"
                )
            sizes[axis] = scale.size
        if not np.isfinite(array).all():
            raise call.refuse("the constant holds numbers that are not finite")
        with np.errstate(all="ignore"):
            steps = np.rint(array * (np.float32(1) / scale).reshape(sizes))
        steps = np.clip(steps + zero.reshape(sizes), low, high)
        spelling.constants[call.name] = steps.astype(zero.dtype)
        return
    if (low, high) != (limits.min, limits.max):
        if scale.size != 1:
            raise call.refuse(f"{scale.size} scales for an activation, expected 1")
        number, unit = int(zero.ravel()[0]), np.float32(scale.ravel()[0])
        with np.errstate(over="ignore"):
            bounds = [
                spelling.constant(call, what, np.array((bound - number) * unit))
                for what, bound in (("low", low), ("high", high))
            ]
        limited = f"{call.name} (limited)"
        spelling.part(call, "Clip", (source, *bounds), limited, {})
        source = limited
    parameters = grid_names(spelling, call, scale, zero)
    spelling.add(call, "QuantizeLinear", source, *parameters, axis=axis)


def grid_names(
    spelling: Spelling, call: Call, scale: np.ndarray, zero: np.ndarray
) -> tuple[str, str]:
    return (
        spelling.constant(call, "scale", scale),
        spelling.constant(call, "zero point", zero),
    )


def spell_dequantize(spelling: Spelling, call: Call) -> None:
    if call.arguments.get("out_dtype") not in (None, "torch.float32"):
        raise call.refuse(f"out_dtype {call.arguments['out_dtype']} is not supported")
    parameters = grid_names(spelling, call, *grid(spelling, call))
    source = call.tensor("input")
    spelling.add(call, "DequantizeLinear", source, *parameters, axis=axis_of(call))
