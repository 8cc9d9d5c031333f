"""Everything this distribution adds to xDSL, by name and loaded lazily."""

from xdsl.universe import Universe

TINYML_UNIVERSE = Universe()
