"""
Makes an ONNX model say something odd: any field of any of its messages is changed,
dropped, or given to it in the first place.

Cycles, two writers, dropped nodes and unnamed outputs are such changes of names and
lists, bad shapes and opsets such changes of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import onnx
from odd_values import (
    STRINGS,
    edits,
    odd_integer,
    odd_real,
    one_of_groups,
    swap_two,
    wrapped,
)

Field = tuple[Any, Any]
"""A message and the descriptor of a field of it."""


def mutate_onnx(data: bytes, random: Random) -> bytes:
    """The model with one to three fields changed."""
    model = onnx.load_from_string(data)
    for _ in range(edits(random)):
        groups: dict[str, list[Field]] = {}
        for message, descriptor in fields(model):
            present = "" if is_set(message, descriptor) else " (absent)"
            groups.setdefault(descriptor.full_name + present, []).append(
                (message, descriptor)
            )
        # Most of what is absent is so in every model, and of no interest.
        absent = random.random() < 0.15
        kinds = {k: f for k, f in groups.items() if k.endswith(")") is absent}
        message, descriptor = one_of_groups(random, kinds)
        change(random, message, descriptor, names(model))
    return model.SerializeToString()


def fields(message: Any) -> Iterator[Field]:
    """Every field of a message and of the messages in it."""
    for descriptor in message.DESCRIPTOR.fields:
        yield message, descriptor
        if descriptor.message_type is None or not is_set(message, descriptor):
            continue
        part = getattr(message, descriptor.name)
        for each in part if is_list(descriptor) else (part,):
            yield from fields(each)


def is_list(descriptor: Any) -> bool:
    return descriptor.is_repeated


def is_set(message: Any, descriptor: Any) -> bool:
    if is_list(descriptor):
        return len(getattr(message, descriptor.name)) > 0
    return message.HasField(descriptor.name)


def names(model: Any) -> list[str]:
    """The names of tensors and operators, for references to the wrong ones."""
    found = {name for node in model.graph.node for name in (*node.input, *node.output)}
    return sorted(found | {node.op_type for node in model.graph.node})


def change(random: Random, message: Any, descriptor: Any, known: list[str]) -> None:
    name = descriptor.name
    if not is_list(descriptor) and random.random() < 0.2:
        message.ClearField(name)
    elif is_list(descriptor):
        change_list(random, message, descriptor, known)
    elif descriptor.message_type is not None:
        getattr(message, name).SetInParent()
    else:
        now = getattr(message, name)
        setattr(message, name, odd_value(random, descriptor, now, known))


def change_list(
    random: Random, message: Any, descriptor: Any, known: list[str]
) -> None:
    """A member is dropped, repeated, exchanged, or becomes another."""
    values = list(getattr(message, descriptor.name))
    plain = descriptor.message_type is None
    at = random.randrange(len(values)) if values else 0
    match random.choice(("drop", "repeat", "swap", "clear", *["change"] * 4)):
        case "drop":
            del values[at : at + 1]
        case "repeat":
            values[at:at] = values[at : at + 1]
        case "swap" if values:
            values = swap_two(random, values)
        case "clear" if random.random() < 0.3:
            values = []
        case "change" if plain:
            now = values[at] if values else descriptor.default_value
            empty = {str: "", bytes: b"", float: 0.0}
            now = empty.get(_python_type(descriptor), 0) if now in (None, []) else now
            values[at : at + 1] = [odd_value(random, descriptor, now, known)]
        case _:
            pass
    copies = values if plain else [_copy(value) for value in values]
    message.ClearField(descriptor.name)
    getattr(message, descriptor.name).extend(copies)


def _copy(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _python_type(descriptor: Any) -> type:
    """The type of a field's values in Python."""
    match descriptor.cpp_type:
        case descriptor.CPPTYPE_STRING:
            return bytes if descriptor.type == descriptor.TYPE_BYTES else str
        case descriptor.CPPTYPE_FLOAT | descriptor.CPPTYPE_DOUBLE:
            return float
        case _:
            return int


def odd_value(random: Random, descriptor: Any, now: Any, known: list[str]) -> Any:
    kind = _python_type(descriptor)
    if kind is str:
        return random.choice(known if random.random() < 0.7 and known else STRINGS)
    if kind is bytes:
        at = random.randrange(len(now) + 1)
        return random.choice((b"", now[:at], now + now[:at], b"\xff" * len(now)))
    if kind is float:
        return odd_real(random, now)
    if descriptor.enum_type is not None:
        return random.choice([v.number for v in descriptor.enum_type.values])
    unsigned = descriptor.cpp_type in (
        descriptor.CPPTYPE_UINT32,
        descriptor.CPPTYPE_UINT64,
    )
    wide = descriptor.cpp_type in (descriptor.CPPTYPE_INT64, descriptor.CPPTYPE_UINT64)
    return wrapped(odd_integer(random, int(now)), 64 if wide else 32, not unsigned)
