"""Passes, one per file; pure planning and geometry code stands beside them."""
