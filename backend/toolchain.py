"""
C compilers: from generated C to objects and to a program with the harness around it.

Three toolchains, found by `find_toolchain`:

- `ziglang`: clang and lld for Cortex-M from the wheel of that name; the default.
- `arm-none-eabi-gcc`: if it is on the path.
- `host`: the machine this runs on, by zig (default) or by the system's compiler.

All take the same flags where they matter: no contraction of float operations (results
equal NumPy's bit by bit), no sanitizer, no library calls. Compiled programs have no
libc on a core; the harness brings what compilers call of their own accord.
"""

from __future__ import annotations

import abc
import dataclasses
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tinyml.backend.compiler_process import (
    ToolchainError,
    harness_directory,
    run_compiler,
    zig_command,
)
from tinyml.backend.disassembly import frame_bytes
from tinyml.backend.elf_image import ObjectFile, read_object
from tinyml.backend.target_machine import TargetMachine, get_target
from tinyml.backend.user_cache import cache_key, cached_file

DEFAULT_STACK_BYTES = 16 << 10
MINIMAL_STACK_BYTES = 512

Defines = Mapping[str, str | int | None]
"""Preprocessor symbols; None is `-DNAME`."""


def _define_flags(defines: Defines) -> list[str]:
    return [
        f"-D{name}" if value is None else f"-D{name}={value}"
        for name, value in defines.items()
    ]


@dataclasses.dataclass(frozen=True)
class Toolchain(abc.ABC):
    """A compiler and linker for one target."""

    name: str
    target: TargetMachine
    command: tuple[str, ...]

    HARNESS_SOURCES = (
        "main.c",
        "images.c",
        "startup.c",
        "runtime.c",
        "io_semihosting.c",
    )
    HARNESS_FLAGS: tuple[str, ...] = ()
    """Flags of the harness only."""

    @property
    @abc.abstractmethod
    def compile_flags(self) -> tuple[str, ...]:
        """Flags of every compilation, without optimisation."""

    @property
    @abc.abstractmethod
    def link_flags(self) -> tuple[str, ...]:
        """Flags of every link."""

    def compile(
        self,
        sources: Sequence[Path],
        out_dir: Path,
        include_dirs: Sequence[Path] = (),
        defines: Defines = {},
        opt: str = "-O2",
        extra_flags: Sequence[str] = (),
    ) -> list[ObjectFile]:
        """
        Compile each of `sources` to an object in `out_dir`, in order. The harness's
        header is on the include path.
        """
        out_dir.mkdir(parents=True, exist_ok=True)
        includes = [f"-I{path}" for path in (*include_dirs, harness_directory())]
        command = [*self.command, *self.compile_flags, opt, *includes]
        command += [*_define_flags(defines), *extra_flags, "-c"]

        def compile_one(source: Path) -> ObjectFile:
            path = out_dir / f"{source.stem}.o"
            run_compiler([*command, str(source), "-o", str(path)])
            return self._read_object(path)

        stems = [source.stem for source in sources]
        for stem in stems:
            if stems.count(stem) > 1:
                raise ToolchainError(f"two sources are called {stem}")
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            return list(workers.map(compile_one, sources))

    def _read_object(self, path: Path) -> ObjectFile:
        return read_object(path, frame_bytes)

    def harness_objects(self) -> list[ObjectFile]:
        """The compiled harness."""
        return [self._read_object(path) for path in self.harness_paths()]

    def harness_paths(self) -> list[Path]:
        """The harness's object files, in the user's cache."""
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            return list(workers.map(self._harness_path, self.HARNESS_SOURCES))

    def _harness_path(self, name: str) -> Path:
        source = harness_directory() / name
        headers = [path.read_bytes() for path in sorted(source.parent.glob("*.h"))]
        command = [*self.command, *self.compile_flags, "-O2", *self.HARNESS_FLAGS]
        key = cache_key([*command, self.version, *headers, source.read_bytes()])

        def build(out: Path) -> None:
            run_compiler([*command, "-c", str(source), "-o", str(out)])

        return cached_file(f"{source.stem}-{self.target.name}-{key}.o", build)

    @property
    def version(self) -> str:
        """What tells one installation of the compiler from another."""
        program = Path(self.command[0])
        try:
            status = program.stat()
        except OSError:
            return self.name
        return f"{program} {status.st_size} {status.st_mtime_ns}"

    @abc.abstractmethod
    def link(
        self,
        objects: Sequence[ObjectFile],
        out: Path,
        stack_bytes: int | None = None,
    ) -> Path:
        """
        Link `objects` and the harness to the program `out`. `stack_bytes` is what is
        set aside for the stack; by default 16 KiB, less if that does not fit.
        """


_OVERFLOW = re.compile(r"region [`'\"]?(\w+)[`'\"]?:? overflowed by (\d+) bytes")


class _CoreToolchain(Toolchain):
    """What is common to the toolchains for a core without an operating system."""

    def link(
        self,
        objects: Sequence[ObjectFile],
        out: Path,
        stack_bytes: int | None = None,
    ) -> Path:
        wanted = DEFAULT_STACK_BYTES if stack_bytes is None else stack_bytes
        missing = self._link(objects, out, wanted)
        if stack_bytes is None and missing is not None and missing[0] == "RAM":
            smaller = (wanted - missing[1]) & ~7
            if smaller >= MINIMAL_STACK_BYTES:
                wanted = smaller
                missing = self._link(objects, out, wanted)
        if missing is None:
            return out
        region = self.target.flash if missing[0] == "FLASH" else self.target.ram
        note = f", {wanted} of them for the stack" if missing[0] == "RAM" else ""
        raise ToolchainError(
            f"{missing[0].lower()} of {self.target.name} overflows by {missing[1]}"
            f" bytes: it has {region.length}, the program needs"
            f" {region.length + missing[1]}{note}"
        )

    def _link(
        self, objects: Sequence[ObjectFile], out: Path, stack_bytes: int
    ) -> tuple[str, int] | None:
        """Link; what overflows and by how many bytes, None if all is well."""
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as directory:
            script = Path(directory) / "link.ld"
            script.write_text(linker_script(self.target, stack_bytes))
            command = [*self.command, *self.link_flags, f"-Wl,-T,{script}"]
            paths = [str(item.path) for item in objects]
            paths += map(str, self.harness_paths())
            try:
                run_compiler([*command, *paths, "-o", str(out)])
            except ToolchainError as error:
                found = _OVERFLOW.findall(error.output)
                if not found:
                    raise
                # lld has a line for each section that is over the end.
                return max(
                    ((region, int(missing)) for region, missing in found),
                    key=lambda item: item[1],
                )
        return None


def linker_script(target: TargetMachine, stack_bytes: int = DEFAULT_STACK_BYTES) -> str:
    """The harness's linker script for the memories of `target`."""
    text = (harness_directory() / "link.ld.in").read_text()
    values = {
        "FLASH_ORIGIN": target.flash.origin,
        "FLASH_LENGTH": target.flash.length,
        "RAM_ORIGIN": target.ram.origin,
        "RAM_LENGTH": target.ram.length,
        "STACK_BYTES": stack_bytes + -stack_bytes % 8,
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", f"{value:#x}")
    return text


_CORE_FLAGS = (
    "-ffreestanding",
    "-fno-builtin",
    "-ffp-contract=off",
    "-fomit-frame-pointer",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
    "-g",
)


class ZigToolchain(_CoreToolchain):
    """Clang and lld of the `ziglang` wheel."""

    @property
    def compile_flags(self) -> tuple[str, ...]:
        return (
            "-target",
            "thumb-freestanding-eabihf",
            f"-mcpu={self.target.zig_cpu}",
            "-fno-unroll-loops",
            "-fno-sanitize=all",
            "-fstack-size-section",
            *_CORE_FLAGS,
        )

    @property
    def link_flags(self) -> tuple[str, ...]:
        # zig passes an entry of its own, which outranks ENTRY() of a script.
        return (
            "-target",
            "thumb-freestanding-eabihf",
            f"-mcpu={self.target.zig_cpu}",
            "-nostdlib",
            "-Wl,-e,reset",
            "-Wl,--gc-sections",
        )


class GccToolchain(_CoreToolchain):
    """GCC for Arm cores, from the path."""

    HARNESS_FLAGS = ("-fno-tree-loop-distribute-patterns",)

    @property
    def compile_flags(self) -> tuple[str, ...]:
        return (*self.target.gcc_flags, "-fstack-usage", *_CORE_FLAGS)

    @property
    def link_flags(self) -> tuple[str, ...]:
        return (
            *self.target.gcc_flags,
            "-nostdlib",
            "-nostartfiles",
            "-Wl,-e,reset",
            "-Wl,--gc-sections",
            "-Wl,--no-warn-rwx-segments",
        )


class HostToolchain(Toolchain):
    """A compiler for the machine this runs on."""

    HARNESS_SOURCES = ("main.c", "images.c", "io_host.c")

    @property
    def compile_flags(self) -> tuple[str, ...]:
        sanitize = ("-fno-sanitize=all",) if self.name == "host" else ()
        return (*sanitize, "-ffp-contract=off", "-g")

    @property
    def link_flags(self) -> tuple[str, ...]:
        # zig builds its run-time library the first time; without -O, four times longer.
        return ("-O2",)

    def _read_object(self, path: Path) -> ObjectFile:
        if path.read_bytes()[:4] == b"\x7fELF":
            return read_object(path)
        empty = dict.fromkeys(("text", "rodata", "data", "bss", "noinit"), 0)
        return ObjectFile(path, empty, (), {}, frozenset())

    def link(
        self,
        objects: Sequence[ObjectFile],
        out: Path,
        stack_bytes: int | None = None,
    ) -> Path:
        out.parent.mkdir(parents=True, exist_ok=True)
        paths = [str(item.path) for item in objects]
        paths += map(str, self.harness_paths())
        run_compiler([*self.command, *self.link_flags, *paths, "-lm", "-o", str(out)])
        return out


def _on_path(program: str, what: str) -> tuple[str, ...]:
    found = shutil.which(program)
    if found is None:
        raise ToolchainError(f"{what} is not installed: {program} is not on the path")
    return (found,)


def find_toolchain(
    name: str | None = None, target: TargetMachine | str = "cortex-m4"
) -> Toolchain:
    """
    The toolchain `name` for `target`.

    For a core: `ziglang` (default) or `arm-none-eabi-gcc`. For the host: `ziglang`
    (default), `cc`, `gcc` or `clang`.
    """
    machine = get_target(target) if isinstance(target, str) else target
    match machine.is_host, name:
        case True, None | "ziglang":
            return HostToolchain("host", machine, tuple(zig_command()))
        case True, "cc" | "gcc" | "clang":
            return HostToolchain(name, machine, _on_path(name, "the C compiler"))
        case False, None | "ziglang":
            return ZigToolchain("ziglang", machine, tuple(zig_command()))
        case False, "arm-none-eabi-gcc":
            return GccToolchain(name, machine, _on_path(name, "GCC for Arm"))
        case host, _:
            known = "ziglang, cc, gcc, clang" if host else "ziglang, arm-none-eabi-gcc"
            raise ToolchainError(
                f"no toolchain {name!r} for {machine.name}; there are: {known}"
            )
