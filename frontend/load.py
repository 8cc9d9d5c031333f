"""Imports a model file by its extension, and turns every failure into one line."""

from __future__ import annotations

from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import (
    ArgSpecParseError,
    DiagnosticException,
    ParseError,
    VerifyException,
)

from tinyml.frontend.names import shortened

FORMATS = (".tflite", ".onnx", ".mlir", ".pt2")


def load_model(path: Path) -> ModuleOp:
    """
    The verified module of a model file; its function is `@network`.

    Raises DiagnosticException, with the file's name in front, for a file that is
    missing, damaged, or of a kind or content that is not supported.
    """
    if path.suffix not in FORMATS:
        raise DiagnosticException(
            f"{path}: unknown kind of model {path.suffix!r}; known are "
            + ", ".join(FORMATS)
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DiagnosticException(f"{path}: {error.strerror}") from error
    try:
        module = import_bytes(data, path.suffix, str(path))
        module.verify()
    except (DiagnosticException, VerifyException) as error:
        raise DiagnosticException(f"{path}: {one_line(error)}") from error
    return module


def import_bytes(data: bytes, suffix: str, name: str) -> ModuleOp:
    """The module of a model's bytes."""
    if suffix == ".tflite":
        from tinyml.frontend.tflite import import_tflite

        return import_tflite(data, "network")
    if suffix == ".onnx":
        from tinyml.frontend.onnx import import_onnx

        return import_onnx(data, "network")
    if suffix == ".pt2":
        from tinyml.frontend.torch import import_pt2

        return import_pt2(data, "network")
    return parse_mlir(data, name)


def parse_mlir(data: bytes, name: str) -> ModuleOp:
    from xdsl.universe import Universe

    context = Context()
    for dialect, factory in Universe.get_multiverse().all_dialects.items():
        context.register_dialect(dialect, factory)
    try:
        return Parser(context, data.decode(), name).parse_module()
    except PARSER_ERRORS as error:
        raise DiagnosticException(describe_parser_error(error)) from error


PARSER_ERRORS = (
    AssertionError,
    LookupError,
    NotImplementedError,
    OverflowError,
    ParseError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What xDSL raises on text that is not IR."""


def describe_parser_error(error: BaseException) -> str:
    match error:
        case RecursionError():
            return "the text is nested too deeply"
        case ParseError() | UnicodeError():
            return one_line(error)
        case _:
            return f"the text is not IR ({one_line(error)})"


def one_line(error: BaseException) -> str:
    """The sentence of an error, without the code that xDSL shows around it."""
    return shortened(_sentence(error))


def _sentence(error: BaseException) -> str:
    match error:
        case ParseError():
            return f"line {error.span.get_location().line}: {first_line(error.msg)}"
        case ArgSpecParseError():
            # A title, the place, the text, a line of carets, and what was expected.
            lines = [line.strip() for line in str(error).splitlines()]
            return f"{lines[1]}: {lines[-1]}"
        case OSError(filename=str() as name, strerror=str() as reason):
            return f"{name}: {reason}"
        case _:
            return first_line(str(error)) or type(error).__name__


def first_line(text: str) -> str:
    """The line of a message that says what is wrong: not a frame, not a dump of IR."""
    lines = [line.strip(" |") for line in text.splitlines()]
    marker = "Operation does not verify: "
    for line in lines:
        if marker in line:
            return line[line.index(marker) + len(marker) :]
    return next((line for line in lines if line.strip("^-")), "")
