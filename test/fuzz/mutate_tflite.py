"""
Makes a TensorFlow Lite file say something odd: numbers of its tables are changed where
they stand, so that everything else of the file remains what it was.

Besides numbers there are lengths of lists and the slots that say where in its table a
field lies: a slot of 0 is a field that is missing. An operator that reads its own output,
two writers of a tensor and cycles are numbers of tensors in other places.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from odd_values import edits, odd_integer, odd_real, one_of_groups, wrapped

NUMBER, NUMBERS, TABLE, TABLES, TEXT, ANY = range(6)
"""What a field is: a number, a list of them, a table, a list of those, text, anything."""

Field = tuple[int, str, str]
"""What a field is, its format or its table, and a name for its kind."""

TENSORS: Field = (NUMBERS, "<i", "tensor")
SCHEMA: dict[str, dict[int, Field]] = {
    "Model": {
        0: (NUMBER, "<I", "version"),
        1: (TABLES, "OperatorCode", "codes"),
        2: (TABLES, "SubGraph", "graphs"),
        4: (TABLES, "Buffer", "buffers"),
    },
    "OperatorCode": {
        0: (NUMBER, "<b", "code"),
        1: (TEXT, "<B", "custom code"),
        3: (NUMBER, "<i", "code"),
    },
    "SubGraph": {
        0: (TABLES, "Tensor", "tensors"),
        1: TENSORS,
        2: TENSORS,
        3: (TABLES, "Operator", "operators"),
    },
    "Buffer": {0: (NUMBERS, "<B", "data")},
    "Tensor": {
        0: (NUMBERS, "<i", "shape"),
        1: (NUMBER, "<b", "type"),
        2: (NUMBER, "<I", "buffer"),
        3: (TEXT, "<B", "name"),
        4: (TABLE, "Quantization", "quantization"),
        7: (NUMBERS, "<i", "signature"),
    },
    "Quantization": {
        2: (NUMBERS, "<f", "scale"),
        3: (NUMBERS, "<q", "zero point"),
        6: (NUMBER, "<i", "axis"),
    },
    "Operator": {
        0: (NUMBER, "<I", "opcode"),
        1: TENSORS,
        2: TENSORS,
        3: (NUMBER, "<B", "kind of options"),
        4: (TABLE, "Options", "options"),
    },
    "Options": {slot: (ANY, "<B", "option") for slot in range(10)},
}
LARGEST_LISTS = 64
"""Members of a list that are changed; the rest of a filter is much like its start."""


@dataclass(frozen=True)
class Place:
    """A number of the file."""

    kind: str
    at: int
    format: str


class Reader:
    """Finds the places of a file that is not damaged yet."""

    def __init__(self, data: bytes):
        self.data = data

    def number(self, format: str, at: int) -> int:
        return struct.unpack_from(format, self.data, at)[0]

    def target(self, at: int) -> int:
        """Where an offset at `at` leads."""
        return at + self.number("<I", at)

    def table(self, name: str, at: int) -> Iterator[Place]:
        slots = at - self.number("<i", at)
        size = self.number("<H", slots)
        for slot, field in SCHEMA[name].items():
            entry = slots + 4 + 2 * slot
            if entry < slots + size:
                yield Place(f"{name} slot", entry, "<H")
                if offset := self.number("<H", entry):
                    yield from self.field(field, at + offset)

    def field(self, field: Field, at: int) -> Iterator[Place]:
        what, of, kind = field
        match what:
            case _ if what == NUMBER:
                yield Place(kind, at, of)
            case _ if what == TABLE:
                yield from self.table(of, self.target(at))
            case _ if what == ANY:
                yield from (Place(kind, at, format) for format in ("<B", "<i", "<f"))
            case _:
                yield from self.members(field, self.target(at))

    def members(self, field: Field, at: int) -> Iterator[Place]:
        what, of, kind = field
        yield Place(f"{kind} length", at, "<I")
        count = min(self.number("<I", at), LARGEST_LISTS)
        if what == TABLES:
            for place in range(at + 4, at + 4 + 4 * count, 4):
                yield Place(f"{kind} offset", place, "<I")
                yield from self.table(of, self.target(place))
            return
        size = struct.calcsize(of)
        for place in range(at + 4, at + 4 + size * count, size):
            yield Place(kind, place, of)


def mutate_tflite(data: bytes, random: Random) -> bytes:
    """The file with one to three of its numbers changed."""
    groups: dict[str, list[Place]] = {}
    reader = Reader(data)
    for place in reader.table("Model", reader.target(0)):
        groups.setdefault(place.kind, []).append(place)
    changed = bytearray(data)
    for _ in range(edits(random)):
        place = one_of_groups(random, groups)
        others = groups[place.kind]
        struct.pack_into(
            place.format, changed, place.at, value(random, data, place, others)
        )
    return bytes(changed)


def value(
    random: Random, data: bytes, place: Place, others: list[Place]
) -> int | float:
    """What is to stand at a place: what stands at one of its kind, or something odd."""
    if random.random() < 0.3:
        place = random.choice([p for p in others if p.format == place.format])
        return struct.unpack_from(place.format, data, place.at)[0]
    if place.kind.endswith("slot") and random.random() < 0.7:
        return 0
    now = struct.unpack_from(place.format, data, place.at)[0]
    if place.format == "<f":
        return odd_real(random, now)
    letter = place.format[1]
    bits = 8 * struct.calcsize(place.format)
    return wrapped(odd_integer(random, now), bits, letter.islower())
