"""
C that tells of the first calls of some of its functions, before and behind each.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence

from xdsl.dialects import func
from xdsl.dialects.builtin import MemRefType

from tinyml.backend.c_printer import c_type

CALLS = 2
"""Calls of each function that are looked at."""

LISTENER = "tinyml_check_call"
Listener = ctypes.CFUNCTYPE(
    None, ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(ctypes.c_int64)
)
"""Gets the number of a function, whether it has run, and its arguments."""


def listened(text: str, functions: Sequence[func.FuncOp]) -> str:
    """C in which the first calls of some functions are told of, before and behind."""
    for number, function in enumerate(functions):
        text = told(text, number, function)
    listener = f"void (*{LISTENER})(int32_t, int32_t, const int64_t *);"
    return f"#include <stdint.h>\n{listener}\n{text}"


def told(text: str, number: int, function: func.FuncOp) -> str:
    """C in which one function, which comes before its callers, tells of its calls."""
    name, inner = function.sym_name.data, f"{function.sym_name.data}_untold"
    text = re.sub(rf"\b{name}\(", f"{inner}(", text, count=1)
    types = [
        "void *" if isinstance(type, MemRefType) else c_type(type)
        for type in function.function_type.inputs
    ]
    parameters = ", ".join(f"{type} a{n}" for n, type in enumerate(types))
    words = ", ".join(
        f"(int64_t)(intptr_t)a{n}" if type == "void *" else f"(int64_t)a{n}"
        for n, type in enumerate(types)
    )
    passed = ", ".join(f"a{n}" for n in range(len(types)))
    wrapper = f"""
static void {name}({parameters}) {{
  static int32_t calls;
  const int64_t words[] = {{{words}}};
  const int listened = {LISTENER} && calls < {CALLS};
  calls += listened;
  if (listened) {LISTENER}({number}, 0, words);
  {inner}({passed});
  if (listened) {LISTENER}({number}, 1, words);
}}
"""
    end = text.index("\n}\n", text.index(f"{inner}(")) + len("\n}\n")
    return text[:end] + wrapper + text[end:]
