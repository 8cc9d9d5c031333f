"""How each layer becomes a loop nest: one function per layer, on a `Kernel`."""
