"""
The user's cache directory: compiled hooks, harness objects, the compiler's own cache.

Nothing in it is needed again: deleting it costs time only.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path


def cache_directory() -> Path:
    """`$TINYML_CACHE_DIR`, or `tinyml` in the user's cache directory; it exists."""
    chosen = os.environ.get("TINYML_CACHE_DIR")
    if chosen:
        directory = Path(chosen)
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        directory = Path(base) / "tinyml"
    directory.mkdir(parents=True, exist_ok=True)
    return directory.absolute()


def cache_key(parts: Iterable[str | bytes]) -> str:
    """A name for what is made from `parts` on this kind of machine."""
    digest = hashlib.sha256()
    for part in (sys.platform, platform.machine(), *parts):
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()[:16]


def cached_file(name: str, build: Callable[[Path], None]) -> Path:
    """
    The file `name` of the cache; `build` writes it, at the path it is given, if it is
    not there. Safe with several processes: the file appears whole or not at all.
    """
    path = cache_directory() / name
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        fresh = Path(directory) / path.name
        build(fresh)
        os.replace(fresh, path)
    return path
