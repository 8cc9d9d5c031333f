"""A parser that gives ops their line and column in the text, as MLIR's parser does."""

from __future__ import annotations

from xdsl.context import Context
from xdsl.dialects.builtin import (
    FileLineColLoc,
    IntAttr,
    ModuleOp,
    StringAttr,
    UnknownLoc,
)
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException

from tinyml.frontend.load import PARSER_ERRORS, describe_parser_error, one_line
from tinyml.tools.diagnostics import PlacedError, parse_error


class LocatedParser(Parser):
    """
    Ops without a `loc(...)` of their own get the place where they start; lines count
    from `line_offset` on, for the chunks of a split file.
    """

    def __init__(self, ctx: Context, text: str, name: str, line_offset: int = 0):
        super().__init__(ctx, text, name)
        self.file = StringAttr(name)
        self.counted = 0
        """Up to here newlines are counted, as `line`."""
        self.line = 1 + line_offset

    def parse_operation(self) -> Operation:
        start = self.pos
        location = self.place(start)
        op = super().parse_operation()
        if isinstance(op.location, UnknownLoc):
            op.location = location
        return op

    def place(self, position: int) -> FileLineColLoc:
        """The place of a position, which is not before one that was asked for."""
        text = self.lexer.input.content
        self.line += text.count("\n", self.counted, position)
        self.counted = position
        column = position - text.rfind("\n", 0, position)
        return FileLineColLoc(self.file, IntAttr(self.line), IntAttr(column))


def parse_located(
    ctx: Context,
    data: bytes,
    name: str,
    line_offset: int = 0,
    implicit_module: bool = True,
    raw: bool = False,
) -> ModuleOp:
    """
    The module of a text. Raises PlacedError, or with `raw` ParseError and
    VerifyException for the text's own faults.
    """
    try:
        parser = LocatedParser(ctx, data.decode(), name, line_offset)
        try:
            return parser.parse_module(implicit_module)
        except VerifyException as error:
            # Of an attribute, which ends in front of the next token.
            if raw:
                raise
            where = parser.place(parser.pos)
            message = f"{where.line.data}:{where.column.data}: error: {one_line(error)}"
            raise PlacedError(f"{name}:{message}") from error
    except ParseError as error:
        if raw:
            raise
        raise parse_error(error, line_offset) from error
    except PARSER_ERRORS as error:
        message = f"{name}: error: {describe_parser_error(error)}"
        raise PlacedError(message) from error
