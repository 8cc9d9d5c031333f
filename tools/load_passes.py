"""
Passes from a Python file that is no part of this package: for ideas and for tests.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from inspect import isabstract
from pathlib import Path

from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException


def load_passes(file: Path) -> dict[str, Callable[[], type[ModulePass]]]:
    """
    The passes that a file defines, by their names. Raises DiagnosticException if it
    cannot be run or defines none.
    """
    name = f"tinyml_loaded_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise DiagnosticException(f"--load {file}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look for the module that they are defined in.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise DiagnosticException(f"--load {file}: {problem}") from error
    found = [
        cls
        for cls in vars(module).values()
        if isinstance(cls, type)
        and issubclass(cls, ModulePass)
        and cls.__module__ == name
        and not isabstract(cls)
    ]
    if not found:
        raise DiagnosticException(f"--load {file}: defines no pass")
    return {cls.name: lambda cls=cls: cls for cls in found}
