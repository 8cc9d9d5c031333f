"""
The DSP instructions as the Arm Architecture Reference Manual defines them: its
pseudo-code on strings of bits, written down a second time and not read off the compiler.

Registers are unsigned 32-bit integers; `bits(x, high, low)` is `x<high:low>`.
"""

from __future__ import annotations

MASK = 0xFFFF_FFFF


def bits(x: int, high: int, low: int) -> int:
    return (x >> low) & ((1 << (high - low + 1)) - 1)


def s_int(x: int, n: int) -> int:
    """SInt() of a string of n bits."""
    return x - (1 << n) if x >> (n - 1) & 1 else x


def sign_extend(x: int, n: int, to: int) -> int:
    return s_int(x, n) & ((1 << to) - 1)


def lsl(x: int, amount: int) -> int:
    return (x << amount) & MASK


def asr(x: int, amount: int) -> int:
    """Copies of the sign move in from the left; by 32, nothing else is left."""
    extended = sign_extend(x, 32, 64)
    return bits(extended >> amount, 31, 0)


def ror(x: int, amount: int) -> int:
    return (x >> amount | x << (32 - amount)) & MASK


def signed_sat(i: int, n: int) -> int:
    """SignedSat(): the result is a string of n bits."""
    if i > 2 ** (n - 1) - 1:
        return 2 ** (n - 1) - 1
    if i < -(2 ** (n - 1)):
        return 2 ** (n - 1)  # 100..0
    return i & ((1 << n) - 1)


def unsigned_sat(i: int, n: int) -> int:
    if i > 2**n - 1:
        return 2**n - 1
    return 0 if i < 0 else i


def half(x: int, high: str) -> int:
    return s_int(bits(x, 31, 16) if high == "t" else bits(x, 15, 0), 16)


def smlad(n: int, m: int, a: int, swap: bool = False) -> int:
    operand2 = ror(m, 16) if swap else m
    product1 = half(n, "b") * half(operand2, "b")
    product2 = half(n, "t") * half(operand2, "t")
    return (product1 + product2 + s_int(a, 32)) & MASK


def smuad(n: int, m: int) -> int:
    return (half(n, "b") * half(m, "b") + half(n, "t") * half(m, "t")) & MASK


def smul(n: int, m: int, which: str) -> int:
    """SMULBB, SMULBT, SMULTB, SMULTT."""
    return (half(n, which[0]) * half(m, which[1])) & MASK


def smla(n: int, m: int, a: int, which: str) -> int:
    """SMLABB, SMLABT, SMLATB, SMLATT."""
    return (half(n, which[0]) * half(m, which[1]) + s_int(a, 32)) & MASK


def smlald(n: int, m: int, a: int) -> int:
    """`a` and the result are RdHi:RdLo, 64 bits."""
    product1 = half(n, "b") * half(m, "b")
    product2 = half(n, "t") * half(m, "t")
    return (product1 + product2 + s_int(a, 64)) & ((1 << 64) - 1)


def smlal(n: int, m: int, a: int) -> int:
    return (s_int(n, 32) * s_int(m, 32) + s_int(a, 64)) & ((1 << 64) - 1)


def smmla(n: int, m: int, a: int, rounds: bool) -> int:
    """SMMLA, SMMLAR; with a = 0 SMMUL, SMMULR."""
    result = (s_int(a, 32) << 32) + s_int(n, 32) * s_int(m, 32)
    if rounds:
        result += 0x8000_0000
    return (result >> 32) & MASK


def sxtb16(m: int, rotation: int) -> int:
    rotated = ror(m, rotation)
    low = sign_extend(bits(rotated, 7, 0), 8, 16)
    return low | sign_extend(bits(rotated, 23, 16), 8, 16) << 16


def uxtb16(m: int, rotation: int) -> int:
    rotated = ror(m, rotation)
    return bits(rotated, 7, 0) | bits(rotated, 23, 16) << 16


def sxtab16(n: int, m: int, rotation: int) -> int:
    rotated = ror(m, rotation)
    low = bits(n, 15, 0) + sign_extend(bits(rotated, 7, 0), 8, 16)
    high = bits(n, 31, 16) + sign_extend(bits(rotated, 23, 16), 8, 16)
    return bits(low, 15, 0) | bits(high, 15, 0) << 16


def halves16(n: int, m: int, sign: int) -> int:
    """SADD16 with sign 1, SSUB16 with sign -1."""
    low = s_int(bits(n, 15, 0), 16) + sign * s_int(bits(m, 15, 0), 16)
    high = s_int(bits(n, 31, 16), 16) + sign * s_int(bits(m, 31, 16), 16)
    return bits(low, 15, 0) | bits(high, 15, 0) << 16


def uadd8(n: int, m: int) -> int:
    sums = (bits(n, i + 7, i) + bits(m, i + 7, i) for i in (0, 8, 16, 24))
    return sum(bits(total, 7, 0) << 8 * i for i, total in enumerate(sums))


def uqsub8(n: int, m: int) -> int:
    found = (bits(n, i + 7, i) - bits(m, i + 7, i) for i in (0, 8, 16, 24))
    return sum(max(difference, 0) << 8 * i for i, difference in enumerate(found))


def pkhbt(n: int, m: int, shift: int) -> int:
    return bits(n, 15, 0) | bits(lsl(m, shift), 31, 16) << 16


def pkhtb(n: int, m: int, shift: int) -> int:
    return bits(asr(m, shift), 15, 0) | bits(n, 31, 16) << 16


def ssat(operand: int, saturate_to: int) -> int:
    """`operand` is Rn after its shift."""
    return sign_extend(signed_sat(s_int(operand, 32), saturate_to), saturate_to, 32)


def usat(operand: int, saturate_to: int) -> int:
    return unsigned_sat(s_int(operand, 32), saturate_to)


def ssat16(n: int, saturate_to: int) -> int:
    low, high = (
        sign_extend(signed_sat(half(n, which), saturate_to), saturate_to, 16)
        for which in "bt"
    )
    return low | high << 16


def usat16(n: int, saturate_to: int) -> int:
    low, high = (unsigned_sat(half(n, which), saturate_to) for which in "bt")
    return low | high << 16
