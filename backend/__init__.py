"""From loop IR to C, and from C to a run on a core."""
