"""Which inputs an output needs, by hand and by trying all of them."""

from __future__ import annotations

from itertools import product

import pytest

from tinyml.dialects.access import AxisAccess


@pytest.mark.parametrize("size", range(1, 8))
def test_first_output_of_padding_only(size: int):
    for axis in axes():
        outputs = axis.output_size(size)
        empty = [
            o for o in range(outputs) if axis.taps(o, size)[0] == axis.taps(o, size)[1]
        ]
        assert axis.first_empty(size, outputs) == (empty[0] if empty else None)


def axes() -> list[AxisAccess]:
    return [
        AxisAccess(kernel, stride, dilation, before, after)
        for kernel, stride, dilation in product((1, 2, 3, 5), (1, 2, 3), (1, 2))
        for before, after in product(range(3), range(3))
        if max(before, after) < (kernel - 1) * dilation + 1
    ]


@pytest.mark.parametrize(
    "axis, size, outputs",
    [
        (AxisAccess(), 7, 7),
        (AxisAccess(3), 7, 5),
        (AxisAccess(3, pad_before=1, pad_after=1), 7, 7),
        (AxisAccess(3, 2, pad_before=0, pad_after=1), 8, 4),
        (AxisAccess(3, 2), 8, 3),
        (AxisAccess(3, 1, 2), 5, 1),
        (AxisAccess(3, 1, 2), 4, 0),
        (AxisAccess(2, 3), 1, 0),
    ],
)
def test_output_size(axis: AxisAccess, size: int, outputs: int):
    assert axis.output_size(size) == outputs


@pytest.mark.parametrize(
    "axis, first, last, inputs",
    [
        (AxisAccess(), 2, 5, (2, 5)),
        (AxisAccess(3), 2, 3, (2, 5)),
        (AxisAccess(3, pad_before=1), 0, 1, (-1, 2)),
        (AxisAccess(3, 2, pad_before=1), 1, 3, (1, 6)),
        (AxisAccess(3, 1, 2, pad_before=2), 0, 2, (-2, 4)),
    ],
)
def test_input_range(axis: AxisAccess, first: int, last: int, inputs: tuple[int, int]):
    assert axis.input_range(first, last) == inputs


@pytest.mark.parametrize(
    "axis, output, size, taps",
    [
        (AxisAccess(3), 0, 7, (0, 3)),
        (AxisAccess(3, pad_before=1), 0, 7, (1, 3)),
        (AxisAccess(3, pad_before=1, pad_after=1), 6, 7, (0, 2)),
        # Taps at -3, -1, 1.
        (AxisAccess(3, 1, 2, pad_before=3), 0, 7, (2, 3)),
        # Taps at -1, 1, 3 of two inputs.
        (AxisAccess(3, 1, 2, pad_before=1, pad_after=4), 0, 2, (1, 2)),
        # Nothing but padding: taps at 3, 4.
        (AxisAccess(2, 3, pad_after=1), 1, 3, (0, 0)),
    ],
)
def test_taps(axis: AxisAccess, output: int, size: int, taps: tuple[int, int]):
    assert axis.taps(output, size) == taps


def test_extent():
    assert AxisAccess(3, dilation=2).extent == 5
    assert AxisAccess(1, dilation=9).extent == 1


def test_by_trying_all():
    for axis, size in product(axes(), range(1, 9)):
        padded = range(-axis.pad_before, size + axis.pad_after)
        outputs = 0
        while outputs * axis.stride - axis.pad_before + axis.extent <= padded.stop:
            outputs += 1
        assert axis.output_size(size) == outputs
        for output in range(outputs):
            start = output * axis.stride - axis.pad_before
            read = [start + k * axis.dilation for k in range(axis.kernel)]
            assert axis.input_range(output, output + 1) == (read[0], read[-1] + 1)
            inside = [k for k, i in enumerate(read) if 0 <= i < size]
            assert list(range(*axis.taps(output, size))) == inside
        if outputs:
            low, high = axis.input_range(0, outputs)
            assert padded.start == low
            assert high <= padded.stop
