"""
The instructions of the `acle` dialect in C.

Each form of an instruction that a module uses becomes a function of its own, with its
immediates in its name: `TINYML_PKHBT_LSL16(a, b)`. Compiled by gcc or clang for a core
that has the instruction it is the instruction, as inline assembly: not all of them have
intrinsics, and not the same in both compilers. For all others it is portable C99.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import i64
from xdsl.ir import Attribute, Operation

from tinyml.dialects.acle import (
    BytesOp,
    InstructionOp,
    PkhbtOp,
    PkhtbOp,
    Sxtab16Op,
    Uadd8Op,
)
from tinyml.dialects.acle_lanes import (
    AnySaturateOp,
    ExtendOp,
    FourBytesOp,
    HalvesOp,
    SaturateOp,
)
from tinyml.dialects.acle_multiply import MultiplyOp

PRELUDE = """\
/* Instructions of the core, or what they compute. */
#ifndef TINYML_INSTRUCTION
#if defined(__GNUC__)
#define TINYML_INSTRUCTION static inline __attribute__((always_inline, unused))
#else
#define TINYML_INSTRUCTION static inline
#endif
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
#define TINYML_HAS_INSTRUCTIONS
#endif
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TINYML_HAS_WORDS
#endif
#endif
"""

OPERANDS = "abc"


@dataclass(frozen=True)
class CFunction:
    """A C function with two bodies: one for where a macro is defined, one for else."""

    name: str
    result: str
    parameters: Sequence[str]
    macro: str
    native: Sequence[str]
    portable: Sequence[str]

    def text(self) -> str:
        upper, parameters = self.name.upper(), ", ".join(self.parameters)
        lines = [
            f"#ifndef {upper}",
            f"TINYML_INSTRUCTION {self.result} {self.name}({parameters}) {{",
            f"#ifdef {self.macro}",
            *(f"  {line}" for line in self.native),
            "#else",
            *(f"  {line}" for line in self.portable),
            "#endif",
            "}",
            f"#define {upper} {self.name}",
            "#endif",
        ]
        return "\n".join(lines) + "\n"


def c_name(op: InstructionOp | BytesOp) -> str:
    """The name of the function that an op becomes."""
    name = "tinyml_" + op.name.removeprefix("acle.")
    if isinstance(op, BytesOp):
        return name if op.aligned is None else f"{name}_aligned"
    return name + "".join(f"_{what}{number}" for what, number in op.immediates.items())


def c_macro(op: InstructionOp | BytesOp) -> str:
    """What is called: a macro, so that users may define another."""
    return c_name(op).upper()


def acle_functions(ops: Iterable[Operation]) -> str:
    """The text that has to stand before the functions that use these ops."""
    found = {c_name(op): op for op in ops if isinstance(op, InstructionOp | BytesOp)}
    functions = [c_function(op).text() for op in found.values()]
    return PRELUDE + "".join(functions) if functions else ""


def c_function(op: InstructionOp | BytesOp) -> CFunction:
    if isinstance(op, BytesOp):
        return access(op)
    return CFunction(
        c_name(op),
        integer(op.results[0].type),
        [f"{integer(v.type)} {x}" for v, x in zip(op.operands, OPERANDS)],
        "TINYML_HAS_INSTRUCTIONS",
        assembly(op),
        portable(op),
    )


def integer(type: Attribute) -> str:
    return "int64_t" if type == i64 else "int32_t"


def assembly(op: InstructionOp) -> list[str]:
    """The instruction, with its operands in registers."""
    names = OPERANDS[: len(op.operands)]
    if op.results[0].type == i64:
        text = f"{op.mnemonic} %Q0, %R0, %1, %2"
        return [f'__asm__("{text}" : "+r"(c) : "r"(a), "r"(b));', "return c;"]
    places = ["%0", *(f"%{number}" for number, _ in enumerate(names, 1))]
    for what, number in op.immediates.items():
        if what == "bits":
            places.insert(1, f"#{number}")
        else:
            places.append(f"{what} #{number}")
    inputs = ", ".join(f'"r"({name})' for name in names)
    text = f"{op.mnemonic} {', '.join(places)}"
    return ["int32_t r;", f'__asm__("{text}" : "=r"(r) : {inputs});', "return r;"]


# Portable C


def portable(op: InstructionOp) -> list[str]:
    """The lines of a function without an instruction."""
    match op:
        case MultiplyOp():
            return [f"return {products(op)};"]
        case ExtendOp(SIGNED=False):
            return [f"return (int32_t)({two_bytes('a', op.ror.value.data)});"]
        case ExtendOp():
            first, extended = signed_bytes("a", op.ror.value.data)
            return [first, f"return (int32_t)({extended});"]
        case Sxtab16Op():
            first, extended = signed_bytes("b", op.ror.value.data)
            return [first, *halves("a", f"({extended})", 1)]
        case HalvesOp():
            return halves("a", "b", op.SIGN)
        case FourBytesOp():
            return four_bytes(isinstance(op, Uadd8Op))
        case PkhbtOp():
            top = shifted("(uint32_t)b", "<<", op.lsl.value.data)
            return [f"return {either('(uint32_t)a', top)};"]
        case PkhtbOp():
            bottom = f"(uint32_t)(b >> {min(op.asr.value.data, 31)})"
            return [f"return {either(bottom, '(uint32_t)a')};"]
        case SaturateOp():
            shifts = op.immediates
            word = f"a >> {shifts['asr']}" if "asr" in shifts else "a"
            if "lsl" in shifts:
                word = f"(int32_t)((uint32_t)a << {shifts['lsl']})"
            return [f"const int32_t x = {word};", f"return {saturated('x', op)};"]
        case AnySaturateOp():
            bottom, top = saturated("x", op), saturated("y", op)
            return [
                "const int32_t x = (int16_t)a, y = a >> 16;",
                f"return {joined(bottom, top)};",
            ]
        case _:
            raise ValueError(f"{op.name} has no C form")


def half(word: str, which: str) -> str:
    return f"(int16_t){word}" if which == "b" else f"({word} >> 16)"


def products(op: MultiplyOp) -> str:
    """The sum of a multiplication's products and its accumulator; sums may wrap."""
    result = integer(op.results[0].type)
    if op.HALVES:
        terms = [f"({half('a', x)} * {half('b', y)})" for x, y in op.HALVES]
    else:
        product = "((int64_t)a * b)"
        if op.ROUNDS:
            product = f"({product[1:-1]} + INT64_C(0x80000000))"
        terms = [product if result == "int64_t" else f"({product} >> 32)"]
    if len(op.operands) == 3:
        terms.insert(0, "c")
    if len(terms) == 1:
        return f"({result}){terms[0]}"
    return f"({result})({split('+', [f'(u{result}){term}' for term in terms])})"


def split(sign: str, terms: Sequence[str]) -> str:
    """Terms with a sign between them, each on a line of its own."""
    return f" {sign}\n      ".join(terms)


def shifted(word: str, sign: str, bits: int) -> str:
    return f"({word} {sign} {bits})" if bits else word


def two_bytes(word: str, ror: int) -> str:
    """Bytes 0 and 2 of a word that is rotated right by less than 32."""
    rotated = f"(uint32_t){word}"
    if ror:
        rotated = f"({rotated} >> {ror} | {rotated} << {32 - ror})"
    return f"{rotated} & 0xff00ffu"


def signed_bytes(word: str, ror: int) -> tuple[str, str]:
    """
    The same with their signs, as a declaration and an expression of words. (Taken
    apart and joined, Clang 22 vectorizes some wrongly for x86-64, as with `halves`.)
    """
    declaration = f"const uint32_t bytes = {two_bytes(word, ror)};"
    return declaration, "bytes | ((bytes & 0x800080u) * 0x1feu)"


def joined(bottom: str, top: str) -> str:
    """A word of two numbers."""
    halves = [f"((uint32_t)({bottom}) & 0xffffu)", f"((uint32_t)({top}) << 16)"]
    return f"(int32_t)({split('|', halves)})"


def either(bottom: str, top: str) -> str:
    """The bottom half of one word and the top half of another."""
    return f"(int32_t)(({bottom} & 0xffffu) | ({top} & 0xffff0000u))"


def halves(a: str, b: str, sign_of_b: int) -> list[str]:
    """
    Sums or differences of halves, as words without their upper bits; then these bits.
    (Taken apart and joined, Clang 22 vectorizes some of them wrongly for x86-64.)
    """
    x, sign, y = "x & 0x7fff7fffu", "+", "y"
    if sign_of_b < 0:
        x, sign, y = "x | 0x80008000u", "-", "~y"
    sums = f"(({x}) {sign} (y & 0x7fff7fffu))"
    return [
        f"const uint32_t x = (uint32_t){a}, y = (uint32_t){b};",
        f"return (int32_t)({sums} ^ ((x ^ {y}) & 0x80008000u));",
    ]


def four_bytes(is_sum: bool) -> list[str]:
    """
    Sums of bytes, as `halves` has them; or differences, and then zeros where a byte was
    borrowed from, which its upper bits tell.
    """
    words = "const uint32_t x = (uint32_t)a, y = (uint32_t)b;"
    low, high = "0x7f7f7f7fu", "0x80808080u"
    if is_sum:
        return [
            words,
            f"return (int32_t)(((x & {low}) + (y & {low})) ^ ((x ^ y) & {high}));",
        ]
    return [
        words,
        f"const uint32_t d = ((x | {high}) - (y & {low})) ^ ((x ^ ~y) & {high});",
        f"const uint32_t less = ((~x & y) | (~(x ^ y) & d)) & {high};",
        "return (int32_t)(d & ~((less >> 7) * 255u));",
    ]


def saturated(name: str, op: AnySaturateOp) -> str:
    """The nearest number in a range; compilers warn of limits that say nothing."""
    low, high = op.range
    text = name
    if high < (1 << 31) - 1:
        text = f"{name} > {high} ? {high} : {text}"
    if low > -(1 << 31):
        text = f"{name} < {low} ? {low} : {text}"
    return text


# Memory


def access(op: BytesOp) -> CFunction:
    """An access to bytes, which need not be aligned."""
    const = "" if op.WRITES else "const "
    kind, what = f"int{8 * op.SIZE}_t", f"{const}int8_t *p"
    place = "p" if op.aligned is None else f"__builtin_assume_aligned(p, {op.SIZE})"
    if op.WRITES:
        return CFunction(
            c_name(op),
            "void",
            [what, "int32_t a"],
            "TINYML_HAS_WORDS",
            [f"__builtin_memcpy({place}, &a, {op.SIZE});"],
            [
                f"p[{byte}] = (int8_t){shifted('(uint32_t)a', '>>', 8 * byte)};"
                for byte in range(op.SIZE)
            ],
        )
    bytes = [
        shifted(f"(uint32_t)(uint8_t)p[{byte}]", "<<", 8 * byte)
        for byte in range(op.SIZE)
    ]
    return CFunction(
        c_name(op),
        "int32_t",
        [what],
        "TINYML_HAS_WORDS",
        [f"{kind} a;", f"__builtin_memcpy(&a, {place}, {op.SIZE});", "return a;"],
        [f"return ({kind})({split('|', bytes)});"],
    )
