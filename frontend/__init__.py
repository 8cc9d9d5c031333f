"""Importers: model file to `tinyml` IR."""
