"""A compiler for convolutional networks on microcontrollers, built on xDSL."""

__version__ = "0.1.0"
