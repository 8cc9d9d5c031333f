"""NumPy semantics of every operation, for the xDSL interpreter."""
