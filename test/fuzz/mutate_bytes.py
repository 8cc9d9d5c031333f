"""Damages a file without knowing what it holds."""

from __future__ import annotations

from random import Random

from odd_values import INTEGERS, edits, wrapped


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """The file with one place or a few damaged."""
    for _ in range(edits(random)):
        edit = random.choice(
            (flip_bits, set_integer, cut_end, remove_span, insert_span, repeat_span)
        )
        data = edit(data, random) or b"\0"
    return data


def flip_bits(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.randint(1, 8)):
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def set_integer(data: bytes, random: Random) -> bytes:
    """An integer of 1 to 8 bytes, at a place where one might be."""
    size = random.choice((1, 2, 4, 4, 8))
    at = random.randrange(max(len(data) // size, 1)) * size
    number = wrapped(random.choice(INTEGERS), 8 * size, False)
    return data[:at] + number.to_bytes(size, "little") + data[at + size :]


def span(data: bytes, random: Random) -> tuple[int, int]:
    """A range of the file, short ones as often as long ones."""
    start = random.randrange(len(data))
    return start, min(start + (1 << random.randrange(12)), len(data))


def cut_end(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


def remove_span(data: bytes, random: Random) -> bytes:
    start, end = span(data, random)
    return data[:start] + data[end:]


def insert_span(data: bytes, random: Random) -> bytes:
    at, size = random.randrange(len(data)), 1 << random.randrange(8)
    return data[:at] + random.randbytes(size) + data[at:]


def repeat_span(data: bytes, random: Random) -> bytes:
    """A range copied to another place, over what stood there or in between."""
    start, end = span(data, random)
    at = random.randrange(len(data))
    over = at + (end - start if random.random() < 0.5 else 0)
    return data[:at] + data[start:end] + data[over:]
