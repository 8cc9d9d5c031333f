"""
Spatial access: which rows (columns) of an input an output row (column) needs.

One small record per axis serves every pass that asks this question: borders, halos,
rings, overlap. It holds integers only and knows nothing of IR.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AxisAccess:
    """
    Output index `o` reads the inputs `o * stride - pad_before + k * dilation` for
    `k` in `[0, kernel)`; those outside the input are padding. A stride of 0 is a
    broadcast: all outputs read the same inputs.
    """

    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    pad_before: int = 0
    pad_after: int = 0

    @property
    def extent(self) -> int:
        """Inputs from the first to the last tap of one output."""
        return (self.kernel - 1) * self.dilation + 1

    def output_size(self, input_size: int) -> int:
        """Outputs of an input of `input_size`, at least 0."""
        room = input_size + self.pad_before + self.pad_after - self.extent
        return max(0, room // self.stride + 1) if room >= 0 else 0

    def input_range(self, first: int, last: int) -> tuple[int, int]:
        """The inputs `[lo, hi)`, unclipped, that the outputs `[first, last)` need."""
        lo = first * self.stride - self.pad_before
        return lo, (last - 1) * self.stride - self.pad_before + self.extent

    def taps(self, output: int, input_size: int) -> tuple[int, int]:
        """The taps `[lo, hi)` of one output that lie inside the input."""
        start = output * self.stride - self.pad_before
        lo = max(0, -(start // self.dilation))
        hi = min(self.kernel, -((start - input_size) // self.dilation))
        return lo, max(lo, hi)

    def first_empty(self, input_size: int, outputs: int) -> int | None:
        """The first output, if there is one, that reads nothing but padding."""
        # Outputs whose window lies inside the input, or reaches only over one end of it
        # with a gap smaller than the input, read some of it: look at the ends only.
        near = -(-self.pad_before // self.stride) + 1 if self.stride else outputs
        reach = -(-(self.pad_after + self.extent) // self.stride) if self.stride else 0
        front, back = min(near, outputs), max(min(near, outputs), outputs - reach - 1)
        for output in (*range(front), *range(back, outputs)):
            first, last = self.taps(output, input_size)
            if first == last:
                return output
        return None
