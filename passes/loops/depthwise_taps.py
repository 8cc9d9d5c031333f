"""
A row of a depthwise filter as products of words of two activations with words of two
weights.

Pure functions on integers. Activations lie behind one another, two to a word, and the
window of the first of some outputs begins with a word. A window that begins in the
middle of a word needs other pairs of weights than one that begins with it; a tap whose
neighbour in the word is none takes half of a word, and half of any word of weights that
has it. Gaps of a dilated filter are taps that are left out.

    taps 3, stride 1:  outputs 0, 2  (w0, w1) with a word, w2 with half of the next
                       outputs 1, 3  w0 with half of a word, (w1, w2) with the next
"""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[int, int | None]
"""The taps in the lower and in the upper half of a word of weights."""


@dataclass(frozen=True)
class Product:
    """What is added to the sum of one output."""

    output: int
    word: int
    """Of activations, counted from where the first window begins."""
    weight: int
    """Which word of weights."""
    halves: tuple[int, int] | None
    """Which half of either is multiplied, 0 or 1; None if both are, with both."""


@dataclass(frozen=True)
class RowProducts:
    """All products of some neighbouring outputs with one row of the filter."""

    weights: tuple[Pair, ...]
    products: tuple[Product, ...]


def window_words(
    output: int, taps: int, stride: int, dilation: int
) -> dict[int, dict[int, int]]:
    """By word of activations, then by half: the tap that meets it."""
    words: dict[int, dict[int, int]] = {}
    for tap in range(taps):
        word, half = divmod(output * stride + tap * dilation, 2)
        words.setdefault(word, {})[half] = tap
    return words


def row_products(
    taps: int, stride: int, dilation: int, outputs: int, of: int
) -> RowProducts:
    """
    The products of the first `outputs` of a tile, with the words of weights that a
    tile of `of` outputs takes.
    """
    windows = [window_words(u, taps, stride, dilation) for u in range(max(of, outputs))]
    pairs = {
        (halves[0], halves[1])
        for window in windows
        for halves in window.values()
        if len(halves) == 2
    }
    paired = {tap for pair in pairs for tap in pair}
    alone = [tap for tap in range(taps) if tap not in paired]
    weights: list[Pair] = [*pairs]
    weights += [(a, b) for a, b in zip(alone[::2], [*alone[1::2], None], strict=False)]
    weights.sort(key=lambda pair: pair[0])
    products: list[Product] = []
    for output, window in enumerate(windows[:outputs]):
        for word, halves in window.items():
            if len(halves) == 2:
                weight = weights.index((halves[0], halves[1]))
                products.append(Product(output, word, weight, None))
                continue
            ((half, tap),) = halves.items()
            weight = next(i for i, pair in enumerate(weights) if tap in pair)
            place = weights[weight].index(tap)
            products.append(Product(output, word, weight, (half, place)))
    return RowProducts(tuple(weights), tuple(products))
