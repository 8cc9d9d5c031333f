"""
Makes a `.pt2` archive say something odd: the JSON in it is changed at any depth, its
other members are cut or dropped. What members hold as pickles is never written.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from copy import deepcopy
from io import BytesIO
from random import Random
from typing import Any, TypeGuard

from odd_values import STRINGS, edits, odd_integer, odd_real, one_of_groups

Place = tuple[Any, Any]
"""A list or dictionary, and an index or key of it."""

NOTHING_LIKE_IT: tuple[Any, ...] = (None, True, 0, 0.5, "", [], {}, [None], -1)

Members = dict[str, bytes]


def mutate_pt2(data: bytes, random: Random) -> bytes:
    """The archive with one to three places changed."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(edits(random)):
        edit = mutate_json if random.random() < 0.85 else mutate_member
        edit(members, random)
    result = BytesIO()
    with zipfile.ZipFile(result, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return result.getvalue()


def mutate_member(members: Members, random: Random) -> None:
    """A member is missing, short or long."""
    name = random.choice(sorted(members))
    content = members[name]
    at = random.randrange(len(content) + 1)
    if random.random() < 0.3:
        del members[name]
    elif not name.endswith(".pt"):
        members[name] = random.choice((b"", content[:at], content + content[:at]))


def mutate_json(members: Members, random: Random) -> None:
    documents = [name for name in members if name.endswith(".json")]
    # The program is the largest and the one that matters.
    programs = [name for name in documents if "/models/" in name]
    name = random.choice(programs if programs and random.random() < 0.8 else documents)
    try:
        document = json.loads(members[name])
    except ValueError:
        return
    groups: dict[str, list[Place]] = {}
    for path, place in places(document, ""):
        groups.setdefault(path, []).append(place)
    # Half of all changes are to the calls of operators, of which little is written.
    calls = {p: g for p, g in groups.items() if "/nodes/" in p and "/metadata" not in p}
    if calls and random.random() < 0.5:
        groups = calls
    if groups:
        container, key = one_of_groups(random, groups)
        change(random, container, key, groups)
    members[name] = json.dumps(document).encode()


def is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def is_dict(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def places(value: Any, path: str) -> Iterator[tuple[str, Place]]:
    """Every place in a document, and its path without the indices of lists."""
    keys: list[Any] = []
    if is_dict(value):
        keys = sorted(value)
    elif is_list(value):
        keys = list(range(len(value)))
    for key in keys:
        # Names of tensors are keys too; of those one is like another.
        named = is_dict(value) and len(value) < 20
        inner = f"{path}/{key}" if named else f"{path}/*"
        yield inner, (value, key)
        yield from places(value[key], inner)


def change(
    random: Random, container: Any, key: Any, groups: dict[str, list[Place]]
) -> None:
    now = container[key]
    match random.choice(("drop", "repeat", "other", "odd", "odd", "odd")):
        case "drop":
            del container[key]
        case "repeat" if is_list(container):
            container.insert(key, now)
        case "other":
            other, place = one_of_groups(random, groups)
            container[key] = deepcopy(other[place])
        case _:
            container[key] = odd_value(random, now, groups)


def odd_value(random: Random, now: Any, groups: dict[str, list[Place]]) -> Any:
    """Something of the same type, or nothing, or something of another."""
    if random.random() < 0.15:
        return deepcopy(random.choice(NOTHING_LIKE_IT))
    if isinstance(now, bool):
        return not now
    if isinstance(now, int):
        return odd_integer(random, now)
    if isinstance(now, float):
        return odd_real(random, now)
    if isinstance(now, str):
        texts = [c[k] for places in groups.values() for c, k in places]
        known = [text for text in texts if isinstance(text, str)]
        return random.choice(known if random.random() < 0.7 else STRINGS)
    if is_list(now):
        return random.choice((now[:-1], now[1:], now[::-1], now + now[:1]))
    return None
