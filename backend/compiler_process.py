"""
How compilers are found and started, and what is made of their errors.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from tinyml.backend.user_cache import cache_directory


class ToolchainError(Exception):
    """
    No such toolchain, C that does not compile, or a program that does not fit.

    `output` is all that the compiler printed.
    """

    def __init__(self, message: str, output: str = ""):
        super().__init__(message)
        self.output = output


def harness_directory() -> Path:
    """Where `harness.h` and the rest of the harness's sources are."""
    return Path(str(resources.files("tinyml.backend") / "harness"))


def zig_command() -> list[str]:
    """How zig is started; raises if the wheel is missing."""
    found = importlib.util.find_spec("ziglang")
    if found is None or found.origin is None:
        raise ToolchainError("ziglang is not installed: pip install ziglang")
    binary = Path(found.origin).with_name("zig")
    if binary.exists():
        return [str(binary), "cc"]
    return [sys.executable, "-m", "ziglang", "cc"]


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    environment.setdefault("ZIG_GLOBAL_CACHE_DIR", str(cache_directory() / "zig"))
    return environment


def run_compiler(command: Sequence[str], directory: Path | None = None) -> str:
    """Run a compiler; what it prints. Raises with its first error line."""
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=_environment(),
            capture_output=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ToolchainError(f"cannot run {command[0]}: {error.strerror}") from None
    output = done.stdout + done.stderr
    if done.returncode != 0:
        raise ToolchainError(_first_error(output, Path(command[0]).name), output)
    return output


def _first_error(output: str, program: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in lines:
        if line.startswith("collect2:"):
            continue
        if "error:" in line or "undefined reference" in line:
            return line
    return lines[0] if lines else f"{program} failed and printed nothing"
