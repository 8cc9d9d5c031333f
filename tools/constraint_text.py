"""What an operand or an attribute of an op may be, in words."""

from __future__ import annotations

from xdsl.dialects.builtin import (
    ArrayOfConstraint,
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
)
from xdsl.ir import Attribute, TypeAttribute
from xdsl.irdl import (
    AnyOf,
    BaseAttr,
    EqAttrConstraint,
    ParamAttrConstraint,
    RangeLengthConstraint,
    RangeOf,
)

KINDS: dict[type[Attribute], str] = {
    MemRefType: "memref",
    StringAttr: "string",
    SymbolRefAttr: "symbol",
    UnitAttr: "flag",
}
"""What attributes of xDSL are called here."""


def constraint_text(constraint: object) -> str:
    """A constraint of an op's definition; of an unknown kind its class."""
    match constraint:
        case RangeLengthConstraint(constraint=inner) | RangeOf(constr=inner):
            return constraint_text(inner)
        case ArrayOfConstraint(elem_range_constraint=inner):
            return f"array of {constraint_text(inner)}"
        case EqAttrConstraint(attr=attribute):
            return str(attribute)
        case BaseAttr(attr=kind):
            return kind_text(kind)
        case AnyOf(attr_constrs=parts):
            return " or ".join(constraint_text(part) for part in parts)
        case ParamAttrConstraint(base_attr=kind, param_constrs=parts):
            return parameters_text(kind, [constraint_text(part) for part in parts])
        case _:
            return type(constraint).__name__


def kind_text(kind: type[Attribute]) -> str:
    """An attribute of any content."""
    name = getattr(kind, "name", kind.__name__)
    if kind in KINDS or not name.startswith(("tinyml.", "thumb.")):
        return KINDS.get(kind, name.removesuffix("_type"))
    return f"{'!' if issubclass(kind, TypeAttribute) else '#'}{name}"


def parameters_text(kind: type[Attribute], parts: list[str]) -> str:
    """An attribute whose parameters are bound."""
    if issubclass(kind, MemRefType):
        return f"memref of {parts[1]}"
    if issubclass(kind, DenseArrayBase):
        return f"array of {parts[0]}"
    if issubclass(kind, IntegerAttr | FloatAttr):
        return parts[1]
    return kind_text(kind)
