"""Everything this distribution adds to xDSL, by name and loaded lazily."""

from xdsl.universe import Universe


def _tinyml():
    from tinyml.dialects.tinyml import TinyML

    return TinyML


TINYML_UNIVERSE = Universe(all_dialects={"tinyml": _tinyml})
