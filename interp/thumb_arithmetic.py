"""What Thumb-2 instructions compute, on words as Python ints from 0 to 2^32 - 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping

WORD = 0xFFFF_FFFF


def signed(word: int, bits: int = 32) -> int:
    """The low bits of a word as a signed number."""
    word &= (1 << bits) - 1
    return word - (word >> bits - 1 << bits)


def halves(low: int, high: int) -> int:
    """A word of two halves."""
    return low & 0xFFFF | (high & 0xFFFF) << 16


def bytewise(function: Callable[[int, int], int], n: int, m: int) -> int:
    """A word of what a function makes of each two bytes, unsigned."""
    pairs = [(n >> shift & 0xFF, m >> shift & 0xFF) for shift in (0, 8, 16, 24)]
    return sum(function(*pair) << 8 * i for i, pair in enumerate(pairs))


def low(word: int) -> int:
    """The low half as a signed number."""
    return signed(word, 16)


def high(word: int) -> int:
    """The high half as a signed number."""
    return signed(word >> 16, 16)


def shifted(kind: str, word: int, amount: int) -> int:
    """A word shifted by 0 to 255 bits; it rotates by 0 to 31."""
    match kind:
        case "lsl":
            return word << amount & WORD
        case "lsr":
            return word >> amount
        case "asr":
            return signed(word) >> amount & WORD
        case "ror":
            return (word >> amount | word << 32 - amount) & WORD
        case _:
            raise ValueError(f"no shift {kind}")


def saturated(number: int, least: int, most: int) -> int:
    return min(max(number, least), most)


def signed_saturated(number: int, bits: int) -> int:
    return saturated(number, -(1 << bits - 1), (1 << bits - 1) - 1)


def unsigned_saturated(number: int, bits: int) -> int:
    return saturated(number, 0, (1 << bits) - 1)


def dual(n: int, m: int, sign: int = 1) -> int:
    """The sum, or difference, of the products of the halves."""
    return low(n) * low(m) + sign * high(n) * high(m)


def swapped(word: int) -> int:
    return shifted("ror", word, 16)


def product(n: int, m: int) -> int:
    return signed(n) * signed(m)


def quotient(n: int, m: int) -> int:
    dividend, divisor = signed(n), signed(m)
    if divisor == 0:
        return 0
    magnitude = abs(dividend) // abs(divisor)
    return magnitude if (dividend < 0) == (divisor < 0) else -magnitude


UNARY: Mapping[str, Callable[[int], int]] = {
    "mov": lambda m: m,
    "mvn": lambda m: ~m,
    "sxtb": lambda m: signed(m, 8),
    "sxth": lambda m: signed(m, 16),
    "uxtb": lambda m: m & 0xFF,
    "uxth": lambda m: m & 0xFFFF,
    "clz": lambda m: 32 - m.bit_length(),
    "rev": lambda m: int.from_bytes(m.to_bytes(4, "little"), "big"),
    "sxtb16": lambda m: halves(signed(m, 8), signed(m >> 16, 8)),
    "uxtb16": lambda m: m & 0x00FF_00FF,
}
"""Of one word; those that rotate get it rotated."""

BINARY: Mapping[str, Callable[[int, int], int]] = {
    "add": lambda n, m: n + m,
    "sub": lambda n, m: n - m,
    "rsb": lambda n, m: m - n,
    "and": lambda n, m: n & m,
    "orr": lambda n, m: n | m,
    "eor": lambda n, m: n ^ m,
    "bic": lambda n, m: n & ~m,
    "lsl": lambda n, m: shifted("lsl", n, m & 0xFF),
    "lsr": lambda n, m: shifted("lsr", n, m & 0xFF),
    "asr": lambda n, m: shifted("asr", n, m & 0xFF),
    "ror": lambda n, m: shifted("ror", n, m & 0x1F),
    "movt": lambda n, m: n & 0xFFFF | m << 16,
    "pkhbt": lambda n, m: n & 0xFFFF | m & 0xFFFF_0000,
    "pkhtb": lambda n, m: n & 0xFFFF_0000 | m & 0xFFFF,
    "mul": lambda n, m: n * m,
    "smmul": lambda n, m: product(n, m) >> 32,
    "smmulr": lambda n, m: product(n, m) + (1 << 31) >> 32,
    "smuad": dual,
    "smuadx": lambda n, m: dual(n, swapped(m)),
    "smulbb": lambda n, m: low(n) * low(m),
    "smulbt": lambda n, m: low(n) * high(m),
    "smultb": lambda n, m: high(n) * low(m),
    "smultt": lambda n, m: high(n) * high(m),
    "sadd16": lambda n, m: halves(n + m, (n >> 16) + (m >> 16)),
    "ssub16": lambda n, m: halves(n - m, (n >> 16) - (m >> 16)),
    "qadd16": lambda n, m: halves(
        signed_saturated(low(n) + low(m), 16), signed_saturated(high(n) + high(m), 16)
    ),
    "uadd8": lambda n, m: bytewise(lambda x, y: (x + y) & 0xFF, n, m),
    "uqsub8": lambda n, m: bytewise(lambda x, y: max(x - y, 0), n, m),
    "sdiv": quotient,
    "sxtab16": lambda n, m: halves(n + signed(m, 8), (n >> 16) + signed(m >> 16, 8)),
    "uxtab16": lambda n, m: halves(n + (m & 0xFF), (n >> 16) + (m >> 16 & 0xFF)),
    "sxtab": lambda n, m: n + signed(m, 8),
    "uxtab": lambda n, m: n + (m & 0xFF),
    "sxtah": lambda n, m: n + signed(m, 16),
}
"""Of two words, or a word and a constant; the second one is shifted already."""

ACCUMULATE: Mapping[str, Callable[[int, int, int], int]] = {
    "mla": lambda n, m, a: a + n * m,
    "mls": lambda n, m, a: a - n * m,
    "smlad": lambda n, m, a: a + dual(n, m),
    "smladx": lambda n, m, a: a + dual(n, swapped(m)),
    "smlabb": lambda n, m, a: a + low(n) * low(m),
    "smlabt": lambda n, m, a: a + low(n) * high(m),
    "smlatb": lambda n, m, a: a + high(n) * low(m),
    "smlatt": lambda n, m, a: a + high(n) * high(m),
    "smmla": lambda n, m, a: (a << 32) + product(n, m) >> 32,
    "smmlar": lambda n, m, a: (a << 32) + product(n, m) + (1 << 31) >> 32,
}
"""Of two words and what is added to."""

PRODUCT: Mapping[str, Callable[[int, int], int]] = {
    "smull": product,
    "smlal": product,
    "umull": lambda n, m: n * m,
    "umlal": lambda n, m: n * m,
}
"""All 64 bits of a product, or more."""

SATURATE: Mapping[str, Callable[[int, int], int]] = {
    "ssat": signed_saturated,
    "usat": unsigned_saturated,
    "ssat16": signed_saturated,
    "usat16": unsigned_saturated,
}
"""Of a signed number and a number of bits."""

ACCESSES: Mapping[str, tuple[int, bool]] = {
    "ldr": (4, False),
    "ldrb": (1, False),
    "ldrsb": (1, True),
    "ldrh": (2, False),
    "ldrsh": (2, True),
    "str": (4, False),
    "strb": (1, False),
    "strh": (2, False),
}
"""Bytes, and whether they hold a signed number."""
