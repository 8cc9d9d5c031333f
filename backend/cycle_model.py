"""
Estimated cycles of a basic block on Cortex-M4 and Cortex-M7.

Estimated, never measured: no model here was calibrated against silicon. Zero wait
states, no caches, no interrupts. What a block costs is a pure function of its
instructions; a program's estimate is the sum over its blocks, times how often each ran.

**Cortex-M4**: the tables of the technical reference manual (3.3 and 7.2).

- A load is 2 cycles, or 1 right after another load or store (they pipeline), unless its
  address depends on the load before it. Write-back counts as such a dependency, which
  is conservative. A store is 1 (store buffer), 2 with an index register; VSTR is 2.
- A transfer of N registers (LDM, STM, LDRD, PUSH, VLDM, ...) is 1 + N; a D register
  counts twice.
- Divide is 7 (the manual says 2..12), VDIV and VSQRT 14, VMLA, VFMA and the like 3,
  VMOV of two core registers 2, table branches and MRS/MSR 2, everything else 1.
- An FP result used by the next instruction waits 1 cycle (VADD, VSUB, VMUL, VCVT).
- A jump that is taken costs 2 more (the pipeline refill is 1..3).

**Cortex-M7**: an in-order scoreboard that issues two instructions a cycle. There is no
published table: +-25 %, good for ratios between programs and no more.

- One of each a cycle: memory access, multiply, shifter or SIMD, FP, branch. Two ALU
  instructions go together, and so do a compare and the branch that depends on it.
- Latencies: load 2, multiply 2 (1 if it feeds the accumulator of the next), FP 3,
  divide 7, VDIV and VSQRT 14, the rest 1. N registers take (N + 1) / 2 cycles.
- Taken branches are predicted and free; each time a conditional jump goes the rarer of
  its two ways costs 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from tinyml.backend.disassembly import SEVERAL, Instruction
from tinyml.backend.target_machine import Core

LOADS = frozenset({"ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "vldr"})
STORES = frozenset({"str", "strb", "strh", "vstr"})
BRANCHES = frozenset({"b", "bl", "bx", "blx", "cbz", "cbnz", "tbb", "tbh"})
DIVIDES = frozenset({"sdiv", "udiv"})
FP_DIVIDES = frozenset({"vdiv", "vsqrt"})
FP_MULTIPLY_ADDS = frozenset(
    {"vmla", "vmls", "vfma", "vfms", "vnmla", "vnmls", "vfnma", "vfnms"}
)
FP_WITH_LATENCY = frozenset({"vadd", "vsub", "vmul", "vcvt"})
MULTIPLIES = frozenset(
    "mul mla mls smlad smladx smlsd smuad smusd smulbb smulbt smultb smultt smlabb"
    " smlabt smlatb smlatt smlawb smlawt smulwb smulwt smmul smmulr smmla smmlar smull"
    " umull smlal umlal smlald smlaldx umaal".split()
)
SHIFTER = frozenset(
    "sxtb16 sxtab16 uxtb16 pkhbt pkhtb ssat usat ssat16 usat16 qadd qsub qadd16 sadd16"
    " ssub16 shadd16 uadd8 uqsub8 sel lsl lsr asr ror sbfx ubfx bfi rev clz".split()
)

M4_REFILL = 2
"""Cycles that a taken jump adds on Cortex-M4."""
M7_MISPREDICT = 8
"""Cycles that a mispredicted jump costs on Cortex-M7."""


def ends_in_jump(block: Sequence[Instruction]) -> bool:
    """True if the block's last instruction may go elsewhere than to the next."""
    last = block[-1]
    return last.name in BRANCHES or (
        last.name in ("pop", "ldm") and "pc" in last.operands
    )


def _m4_load(load: Instruction, previous: Instruction | None) -> int:
    if previous is None or previous.name not in LOADS | STORES:
        return 2
    if previous.name in LOADS and previous.writes & load.reads:
        return 2
    return 1


def _m4_alone(instruction: Instruction) -> int:
    name = instruction.name
    if name in STORES:
        return 2 if name == "vstr" or instruction.register_offset else 1
    if name in SEVERAL:
        return 1 + instruction.words
    if name in DIVIDES:
        return 7
    if name in FP_DIVIDES:
        return 14
    if name in FP_MULTIPLY_ADDS:
        return 3
    if name in ("tbb", "tbh", "mrs", "msr"):
        return 2
    if name == "vmov" and len(instruction.operands) >= 3:
        return 2
    return 1


def m4_cycles(instruction: Instruction, previous: Instruction | None) -> int:
    """Cycles of an instruction behind another one on Cortex-M4."""
    if instruction.name in LOADS:
        cycles = _m4_load(instruction, previous)
    else:
        cycles = _m4_alone(instruction)
    if previous is not None and previous.name in FP_WITH_LATENCY:
        cycles += bool(previous.writes & instruction.reads)
    return cycles


def m4_block_cycles(block: Sequence[Instruction]) -> int:
    """Cycles of a block on Cortex-M4 if the jump at its end is not taken."""
    return sum(map(m4_cycles, block, [None, *block]))


@cache
def _m7_unit(name: str) -> str:
    if name in LOADS | STORES | SEVERAL:
        return "memory"
    if name in MULTIPLIES:
        return "multiply"
    if name in SHIFTER:
        return "shifter"
    if name in BRANCHES:
        return "branch"
    return "fp" if name.startswith("v") else "alu"


@cache
def _m7_latency(name: str, unit: str) -> int:
    if name in DIVIDES:
        return 7
    if name in FP_DIVIDES:
        return 14
    if name in LOADS or name in SEVERAL or unit == "multiply":
        return 2
    return 3 if unit == "fp" and name not in ("vmov", "vmrs") else 1


def _accumulator(instruction: Instruction) -> str | None:
    """The register a multiply adds to, if it comes from a multiply a cycle earlier."""
    if instruction.name.startswith(("mla", "sml")) and len(instruction.operands) == 4:
        return instruction.operands[3]
    return None


class M7Pipeline:
    """What a Cortex-M7 has issued so far, and when results are there."""

    def __init__(self) -> None:
        self.cycle = 0
        """In which the last instruction issued."""
        self._units: list[str] = []
        self._ready: dict[str, int] = {}
        self._products: set[str] = set()

    def _start(self, instruction: Instruction, unit: str) -> int:
        """The cycle in which an instruction would issue next."""
        start, ready = self.cycle, self._ready
        accumulator = _accumulator(instruction) if unit == "multiply" else None
        for register in instruction.reads:
            known = ready.get(register, 0)
            if known > start:
                forwarded = register == accumulator and register in self._products
                start = max(start, known - forwarded)
        units = self._units
        if start == self.cycle and (
            len(units) >= 2 or (unit != "alu" and unit in units)
        ):
            return start + 1
        return start

    def cost(self, instruction: Instruction) -> int:
        """By how many cycles an instruction would end later than the last one."""
        start = self._start(instruction, _m7_unit(instruction.name))
        return start - self.cycle + max((instruction.words + 1) // 2 - 1, 0)

    def issue(self, instruction: Instruction) -> None:
        unit = _m7_unit(instruction.name)
        start = self._start(instruction, unit)
        if start > self.cycle:
            self.cycle, self._units = start, []
        self._units.append(unit)
        if instruction.name in SEVERAL:
            self.cycle += (instruction.words + 1) // 2 - 1
            self._units = ["memory", "memory"]
        there = self.cycle + _m7_latency(instruction.name, unit)
        for register in instruction.writes:
            self._ready[register] = there
            if unit == "multiply":
                self._products.add(register)
            else:
                self._products.discard(register)


def m7_block_cycles(block: Sequence[Instruction]) -> int:
    """Cycles of a block on Cortex-M7, jumps predicted."""
    pipeline = M7Pipeline()
    for instruction in block:
        pipeline.issue(instruction)
    return pipeline.cycle + 1


def block_cycles(
    core: Core, block: Sequence[Instruction], executions: int, falls: int
) -> int:
    """
    Estimated cycles of all executions of a block, of which `falls` went on to the
    instruction behind it.
    """
    jumps = ends_in_jump(block)
    taken = executions - falls if jumps else 0
    if core == "cortex-m4":
        return executions * m4_block_cycles(block) + taken * M4_REFILL
    missed = min(taken, falls) if jumps else 0
    return executions * m7_block_cycles(block) + missed * M7_MISPREDICT
