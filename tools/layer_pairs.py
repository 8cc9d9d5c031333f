"""
Which tensors of two networks belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import prod

from tinyml.passes.aliases import TENSOR_IN_MODEL
from tinyml.tools.network_trace import Key, Tensor, Trace


@dataclass(frozen=True)
class Pairs:
    """Tensors of two networks that are compared, in the order of the first."""

    by: str
    keys: Sequence[tuple[Key, Key]]
    only: tuple[int, int]
    """How many tensors only the first has, and only the second."""

    def __str__(self) -> str:
        text = f"{len(self.keys)} layers paired by {self.by}"
        first, second = self.only
        return f"{text}, {first} only in the first, {second} only in the second"


def by_number(key: Key, tensor: Tensor) -> object:
    return key if key[0] in TENSOR_IN_MODEL else None


def by_name(key: Key, tensor: Tensor) -> object:
    return tensor.name if tensor.name.startswith('"') else None


def pair_layers(a: Trace, b: Trace) -> Pairs:
    """
    Pairs by the tensors' numbers, or by names if fewer than half of the layers of the
    smaller network have the same ones, or else by the order of layers and sizes.
    """
    least = min(len(a.tensors), len(b.tensors))
    for by, known in (("number", by_number), ("name", by_name)):
        found = same_keys(a, b, known)
        if 2 * len(found) >= max(least, 1):
            return paired(by, found, a, b)
    return paired("order", same_order(a, b), a, b)


def paired(by: str, keys: Sequence[tuple[Key, Key]], a: Trace, b: Trace) -> Pairs:
    return Pairs(by, keys, (len(a.tensors) - len(keys), len(b.tensors) - len(keys)))


def same_keys(
    a: Trace, b: Trace, known: Callable[[Key, Tensor], object]
) -> list[tuple[Key, Key]]:
    others = {known(key, tensor): key for key, tensor in b.tensors.items()}
    return [
        (key, others[name])
        for key, tensor in a.tensors.items()
        if (name := known(key, tensor)) is not None
        and name in others
        and size(tensor) == size(b.tensors[others[name]])
    ]


def size(tensor: Tensor) -> tuple[int, int]:
    """Elements, and bytes of each."""
    return prod(tensor.values.shape), tensor.values.itemsize


def same_order(a: Trace, b: Trace) -> list[tuple[Key, Key]]:
    first, second = (
        [(tensor.op, size(tensor)) for tensor in trace.tensors.values()]
        for trace in (a, b)
    )
    a_keys, b_keys = list(a.tensors), list(b.tensors)
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    return [
        (a_keys[block.a + i], b_keys[block.b + i])
        for block in blocks
        for i in range(block.size)
    ]
