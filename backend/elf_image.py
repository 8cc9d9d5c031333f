"""
What the backend reads from ELF files: section sizes, symbols, stack usage, segments.

`ObjectFile` is one compiled source; `Program` is a linked program. Sizes in bytes. The
only module that touches pyelftools, which has no types.
"""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from elftools.elf.elffile import (  # pyright: ignore[reportMissingTypeStubs]
    ELFFile,
)

Kind = Literal["text", "rodata", "data", "bss", "noinit"]
KINDS: tuple[Kind, ...] = ("text", "rodata", "data", "bss", "noinit")

SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4


@dataclasses.dataclass(frozen=True)
class Symbol:
    """A named piece of a program: `size` bytes at `address` (Thumb bit cleared)."""

    name: str
    address: int
    size: int
    kind: Kind | None
    """What it lies in; None for absolute symbols."""
    is_function: bool


@dataclasses.dataclass(frozen=True)
class ObjectFile:
    """One compiled source and what it takes."""

    path: Path
    sizes: Mapping[Kind, int]
    """Bytes by kind. `noinit` is what sections called `.noinit*` take."""
    symbols: tuple[Symbol, ...]
    stack_usage: Mapping[str, int]
    """Bytes of stack of each function's own frame."""
    undefined: frozenset[str]
    """Symbols that something else has to define."""

    @property
    def text(self) -> int:
        return self.sizes["text"]

    @property
    def rodata(self) -> int:
        return self.sizes["rodata"]

    @property
    def data(self) -> int:
        return self.sizes["data"]

    @property
    def bss(self) -> int:
        return self.sizes["bss"]

    @property
    def noinit(self) -> int:
        return self.sizes["noinit"]


@dataclasses.dataclass(frozen=True)
class Segment:
    """Bytes that a loader puts at an address."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        return self.address + len(self.data)


@dataclasses.dataclass(frozen=True)
class Program:
    """A linked program for a core."""

    path: Path
    segments: tuple[Segment, ...]
    all_symbols: tuple[Symbol, ...]
    """Every symbol; the static ones of two sources may share a name."""
    sizes: Mapping[Kind, int]

    @cached_property
    def symbols(self) -> Mapping[str, Symbol]:
        """The symbols by name; of those that share one, the last."""
        return {symbol.name: symbol for symbol in self.all_symbols}

    @cached_property
    def functions(self) -> tuple[Symbol, ...]:
        """The functions by address, one for each address."""
        by_address = {
            symbol.address: symbol
            for symbol in sorted(
                self.all_symbols, key=lambda symbol: symbol.name, reverse=True
            )
            if symbol.is_function
        }
        return tuple(by_address[address] for address in sorted(by_address))

    @cached_property
    def _function_addresses(self) -> list[int]:
        return [symbol.address for symbol in self.functions]

    def function_at(self, address: int) -> Symbol | None:
        """The function that `address` lies in."""
        index = bisect.bisect_right(self._function_addresses, address) - 1
        if index < 0:
            return None
        symbol = self.functions[index]
        # Functions without a size come from assembly; they end at the next one.
        if symbol.size and address >= symbol.address + symbol.size:
            return None
        return symbol

    def where(self, address: int) -> str:
        """`address` as function and offset."""
        symbol = self.function_at(address & ~1)
        if symbol is None:
            return f"{address:#010x}"
        return f"{symbol.name}+{(address & ~1) - symbol.address:#x}"

    def read(self, address: int, length: int) -> bytes | None:
        """`length` bytes of the image at `address`, None if they are not loaded."""
        for segment in self.segments:
            if segment.address <= address and address + length <= segment.end:
                start = address - segment.address
                return segment.data[start : start + length]
        return None

    def read_loaded(self, address: int, length: int) -> bytes | None:
        """
        Initial value of `length` bytes at run-time address `address`; unlike `read`
        it finds initialised data, which startup copies to RAM.
        """
        start, end = (
            self.symbols.get(f"harness_data_{edge}") for edge in ("start", "end")
        )
        load = self.symbols.get("harness_data_load")
        if start and end and load and start.address <= address < end.address:
            return self.read(load.address + address - start.address, length)
        return self.read(address, length)

    @property
    def flash_bytes(self) -> int:
        """Bytes of flash: code, constants and initial values of data."""
        return sum(len(segment.data) for segment in self.segments)

    @property
    def static_bytes(self) -> int:
        """Bytes of RAM without the stack: data, bss and what is not initialised."""
        return self.sizes["data"] + self.sizes["bss"] + self.sizes["noinit"]


def _section_kind(section: Any) -> Kind | None:
    flags = section["sh_flags"]
    if not flags & SHF_ALLOC or section.name.startswith((".ARM.exidx", ".stack")):
        return None
    if section.name.startswith(".noinit"):
        return "noinit"
    if flags & SHF_EXECINSTR or section.name == ".vectors":
        return "text"
    if not flags & SHF_WRITE:
        return "rodata"
    return "bss" if section["sh_type"] == "SHT_NOBITS" else "data"


def _sizes(elf: Any) -> dict[Kind, int]:
    sizes: dict[Kind, int] = dict.fromkeys(KINDS, 0)
    for section in elf.iter_sections():
        kind = _section_kind(section)
        if kind is not None:
            sizes[kind] += section["sh_size"]
    return sizes


def _symbols(elf: Any) -> tuple[list[Symbol], frozenset[str]]:
    """Defined symbols and the names of undefined ones."""
    kinds: list[Kind | None] = [
        _section_kind(section) for section in elf.iter_sections()
    ]
    table = elf.get_section_by_name(".symtab")
    symbols: list[Symbol] = []
    undefined: set[str] = set()
    for entry in table.iter_symbols() if table is not None else ():
        kind_of, index = entry["st_info"]["type"], entry["st_shndx"]
        if not entry.name or entry.name.startswith("$") or kind_of == "STT_FILE":
            continue
        if index == "SHN_UNDEF":
            undefined.add(entry.name)
            continue
        is_function = kind_of == "STT_FUNC"
        symbols.append(
            Symbol(
                entry.name,
                entry["st_value"] & ~1 if is_function else entry["st_value"],
                entry["st_size"],
                kinds[index] if isinstance(index, int) else None,
                is_function,
            )
        )
    return symbols, frozenset(undefined)


def _decode_uleb128(data: bytes, start: int) -> int:
    value = shift = 0
    for byte in data[start:]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return value


def _clang_stack_usage(elf: Any) -> dict[str, int]:
    """
    Stack usage from `-fstack-size-section`: each section `.stack_sizes` holds an
    address, relocated against the function, and a ULEB128 number of bytes.
    """
    usage: dict[str, int] = {}
    width = elf.elfclass // 8
    # There is a section for each function, and one table of symbols for all of them.
    table = elf.get_section_by_name(".symtab")
    symbols = list(table.iter_symbols()) if table is not None else []
    functions = {
        (symbol["st_shndx"], symbol["st_value"] & ~1): symbol.name
        for symbol in symbols
        if symbol["st_info"]["type"] == "STT_FUNC"
    }
    for section in elf.iter_sections():
        if not section.name.startswith((".rel.stack_sizes", ".rela.stack_sizes")):
            continue
        data: bytes = elf.get_section(section["sh_info"]).data()
        for relocation in section.iter_relocations():
            symbol = symbols[relocation["r_info_sym"]]
            offset = relocation["r_offset"]
            addend = (
                relocation["r_addend"]
                if relocation.is_RELA()
                else int.from_bytes(data[offset : offset + width], "little")
            )
            value = (symbol["st_value"] + addend) & ~1
            name = functions.get((symbol["st_shndx"], value), symbol.name)
            usage[name] = _decode_uleb128(data, offset + width)
    return usage


def gcc_stack_usage(text: str) -> dict[str, int]:
    """Stack usage from the `.su` file that `-fstack-usage` writes."""
    usage: dict[str, int] = {}
    for line in text.splitlines():
        where, size, *_ = line.split("\t")
        usage[where.rsplit(":", 1)[-1]] = int(size)
    return usage


def _function_code(elf: Any, symbol: Symbol) -> bytes:
    """The code of a function of an object file whose functions have own sections."""
    section = elf.get_section_by_name(f".text.{symbol.name}")
    if section is None:
        return b""
    return section.data()[symbol.address : symbol.address + symbol.size]


def read_object(
    path: Path, frame_bytes: Callable[[bytes], int] | None = None
) -> ObjectFile:
    """
    Read an object file. `frame_bytes` maps the code of a function to the bytes it
    pushes; it is asked where the compiler says 0, which is what it says of assembly.
    """
    with path.open("rb") as file:
        elf: Any = ELFFile(file)
        symbols, undefined = _symbols(elf)
        usage = _clang_stack_usage(elf)
        listing = path.with_suffix(".su")
        if not usage and listing.exists():
            usage = gcc_stack_usage(listing.read_text())
        if frame_bytes is not None:
            for symbol in symbols:
                if symbol.is_function and not usage.get(symbol.name):
                    usage[symbol.name] = frame_bytes(_function_code(elf, symbol))
        return ObjectFile(path, _sizes(elf), tuple(symbols), usage, undefined)


def read_function(path: Path, name: str) -> bytes:
    """The code of function `name` of an object file, nothing if it has none."""
    with path.open("rb") as file:
        elf: Any = ELFFile(file)
        symbols, _ = _symbols(elf)
        found = [item for item in symbols if item.name == name and item.is_function]
        return _function_code(elf, found[0]) if found else b""


def read_program(path: Path) -> Program:
    """Read a linked program."""
    with path.open("rb") as file:
        elf: Any = ELFFile(file)
        segments = tuple(
            Segment(segment["p_paddr"], segment.data())
            for segment in elf.iter_segments()
            if segment["p_type"] == "PT_LOAD" and segment["p_filesz"]
        )
        symbols, _ = _symbols(elf)
        return Program(path, segments, tuple(symbols), _sizes(elf))


def total_size(objects: Sequence[ObjectFile], kind: Kind) -> int:
    """Bytes of `kind` in all `objects`."""
    return sum(item.sizes[kind] for item in objects)
