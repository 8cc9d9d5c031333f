"""Functions of the `thumb` dialect, loops, and what they begin and end with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from xdsl.backend.register_type import RegisterType
from xdsl.dialects.builtin import ArrayAttr, FunctionType, StringAttr
from xdsl.dialects.utils import (
    parse_assignment,
    parse_func_op_like,
    print_assignment,
    print_func_op_like,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    lazy_traits_def,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import (
    CallableOpInterface,
    HasParent,
    IsolatedFromAbove,
    IsTerminator,
    RecursiveMemoryEffect,
    SymbolOpInterface,
)
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.thumb_registers import (
    ARGUMENT_REGISTERS,
    CoreRegisterType,
    FlagsType,
    FpuRegisterType,
)
from tinyml.dialects.thumb_shapes import Value, may_share

REGISTER = CoreRegisterType | FpuRegisterType


class FuncOpCallable(CallableOpInterface):
    """How an interpreter calls a function."""

    @classmethod
    def get_callable_region(cls, op: Operation) -> Region:
        assert isinstance(op, FuncOp)
        return op.body

    @classmethod
    def get_argument_types(cls, op: Operation) -> tuple[Attribute, ...]:
        assert isinstance(op, FuncOp)
        return tuple(op.body.block.arg_types)

    @classmethod
    def get_result_types(cls, op: Operation) -> tuple[Attribute, ...]:
        assert isinstance(op, FuncOp)
        ret = op.body.block.last_op
        return () if ret is None else tuple(ret.operand_types)


@irdl_op_definition
class FuncOp(IRDLOperation):
    """
    A function that calls no other. Arguments are the block's, each in the register
    where the AAPCS puts it; further ones are loaded by `thumb.ldr_sp`. `c_types` are
    the types of all its arguments for C, scalars and memrefs.

    ```mlir
    thumb.func @next(%x : !thumb.reg<r0>) attributes {c_types = [i32]} {
      %y = thumb.add_imm %x, 1 : (!thumb.reg<r0>) -> !thumb.reg<r0>
      thumb.ret %y : !thumb.reg<r0>
    }
    ```
    """

    name = "thumb.func"

    sym_name = prop_def(StringAttr)
    c_types = opt_prop_def(ArrayAttr)
    body = region_def("single_block")

    traits = traits_def(SymbolOpInterface(), FuncOpCallable(), IsolatedFromAbove())

    PROPERTIES: ClassVar[tuple[str, ...]] = ("sym_name", "c_types", "function_type")

    def __init__(
        self,
        name: str,
        body: Region,
        c_types: Sequence[Attribute] | None = None,
    ):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "c_types": None if c_types is None else ArrayAttr(c_types),
            },
            regions=[body],
        )

    def verify_(self) -> None:
        types = self.body.block.arg_types
        names = ARGUMENT_REGISTERS[: len(types)]
        if list(types) != [CoreRegisterType.from_name(name) for name in names]:
            raise VerifyException(
                f"@{self.sym_name.data}: arguments are in r0 to r3, in order, not in "
                f"{', '.join(str(type) for type in types)}"
            )
        if not isinstance(self.body.block.last_op, RetOp):
            raise VerifyException(f"@{self.sym_name.data} has to end in a thumb.ret")

    def print(self, printer: Printer) -> None:
        attributes = dict(self.attributes)
        if self.c_types is not None:
            attributes["c_types"] = self.c_types
        print_func_op_like(
            printer,
            self.sym_name,
            FunctionType.from_lists(self.body.block.arg_types, []),
            self.body,
            attributes,
            reserved_attr_names=("sym_name",),
        )

    @classmethod
    def parse(cls, parser: Parser) -> FuncOp:
        name, _, _, body, attributes, _, _ = parse_func_op_like(
            parser, reserved_attr_names=cls.PROPERTIES[:1]
        )
        op = cls(name, body)
        if attributes is not None:
            op.attributes |= attributes.data
        c_types = op.attributes.pop("c_types", None)
        if c_types is not None:
            op.properties["c_types"] = c_types
        return op


@irdl_op_definition
class PushOp(IRDLOperation):
    """Saves registers on the stack. `tinyml-thumb-allocate` puts it there."""

    name = "thumb.push"
    registers = prop_def(ArrayAttr[CoreRegisterType])
    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(HasParent(FuncOp))
    assembly_format = "$registers attr-dict"

    def __init__(self, registers: Sequence[CoreRegisterType]):
        super().__init__(properties={"registers": ArrayAttr(registers)})


@irdl_op_definition
class RetOp(IRDLOperation):
    """
    Returns, with a value in r0 if it has one: `bx lr`, or a `pop` of what was pushed,
    in which the place of lr is the program counter's.
    """

    name = "thumb.ret"
    value = opt_operand_def(CoreRegisterType)
    registers = opt_prop_def(ArrayAttr[CoreRegisterType])
    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(HasParent(FuncOp), IsTerminator())
    assembly_format = "($value^ `:` type($value))? (`pop` $registers^)? attr-dict"

    def __init__(self, value: Value | None = None):
        super().__init__(operands=[value])


@irdl_op_definition
class LoopOp(IRDLOperation):
    """
    Runs its body once, and again as long as the body's `thumb.repeat_ne` says. What it
    carries around stays in one register: operand, argument, yielded value and result.

    ```mlir
    %end = thumb.loop (%i = %n) : (!thumb.reg) -> !thumb.reg {
      %left, %flags = thumb.subs_imm %i, 1 : (!thumb.reg) -> (!thumb.reg, !thumb.flags)
      thumb.repeat_ne %flags, %left : !thumb.flags, !thumb.reg
    }
    ```
    """

    name = "thumb.loop"
    starts = var_operand_def(REGISTER)
    ends = var_result_def(REGISTER)
    body = region_def("single_block")
    traits = traits_def(RecursiveMemoryEffect())

    def __init__(self, starts: Sequence[Value], body: Region):
        types = body.block.arg_types
        super().__init__(operands=[starts], result_types=[types], regions=[body])

    @property
    def repeat(self) -> RepeatNeOp:
        """The op that ends the body."""
        return cast(RepeatNeOp, self.body.block.last_op)

    def verify_(self) -> None:
        block = self.body.block
        if not isinstance(block.last_op, RepeatNeOp):
            raise VerifyException("thumb.loop has to end in a thumb.repeat_ne")
        counts = {
            "arguments": len(block.args),
            "yielded values": len(block.last_op.values),
            "results": len(self.ends),
        }
        for what, count in counts.items():
            if count != len(self.starts):
                raise VerifyException(
                    f"thumb.loop: starts with {len(self.starts)} values, has {count} "
                    f"{what}"
                )
        for carried in zip(
            self.starts, block.args, block.last_op.values, self.ends, strict=True
        ):
            if not may_share(*carried):
                types = ", ".join(str(value.type) for value in carried)
                raise VerifyException(
                    f"thumb.loop: carries a value in one register, not in {types}"
                )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        with printer.in_parens():
            printer.print_list(
                zip(self.body.block.args, self.starts, strict=True),
                lambda pair: print_assignment(printer, *pair),
            )
        printer.print_string(" : ")
        printer.print_function_type(self.starts.types, self.ends.types)
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False)
        printer.print_op_attributes(self.attributes)

    @classmethod
    def parse(cls, parser: Parser) -> LoopOp:
        position = parser.pos
        pairs = parser.parse_comma_separated_list(
            Parser.Delimiter.PAREN, lambda: parse_assignment(parser)
        )
        parser.parse_punctuation(":")
        type = parser.parse_attribute()
        if not isinstance(type, FunctionType) or len(type.outputs) != len(pairs):
            parser.raise_error(f"expected the types of {len(pairs)} values", position)
        starts = parser.resolve_operands(
            [start for _, start in pairs], type.inputs.data, position
        )
        arguments = [
            argument.resolve(end)
            for (argument, _), end in zip(pairs, type.outputs, strict=True)
        ]
        op = cls(starts, parser.parse_region(arguments))
        op.attributes |= parser.parse_optional_attr_dict()
        return op


@irdl_op_definition
class RepeatNeOp(IRDLOperation):
    """Runs the loop's body again, with these values, if the flags say "not equal"."""

    name = "thumb.repeat_ne"
    flags = operand_def(FlagsType)
    values = var_operand_def(REGISTER)
    traits = lazy_traits_def(lambda: (HasParent(LoopOp), IsTerminator()))
    assembly_format = "operands attr-dict `:` type(operands)"

    def __init__(self, flags: Value, values: Sequence[Value] = ()):
        super().__init__(operands=[flags, values])


def unallocated(value: SSAValue) -> RegisterType:
    """The type of any register that could hold the value."""
    assert isinstance(value.type, RegisterType)
    return type(value.type).unallocated()


def make_loop(starts: Sequence[Value]) -> tuple[LoopOp, Block]:
    """A loop with an empty body, and that body, which still has to get its end."""
    block = Block(arg_types=[unallocated(SSAValue.get(value)) for value in starts])
    return LoopOp(starts, Region(block)), block
