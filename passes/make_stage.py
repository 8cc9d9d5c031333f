"""
Layers of a network moved into a stage.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Block, Region, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.kernel import KERNEL, KernelAttr, Method, Traversal, kernel_of
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layer_name
from tinyml.dialects.stage import Halo, StageOp
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.passes.failure import FailedAtOp
from tinyml.passes.loops.depthwise_direct import has_direct

POSITION = "tinyml.position"


def method_of_parts(layer: LayerOp) -> Method:
    """What makes parts of rows of a layer whose kernel makes all of it at once."""
    if not isinstance(layer, DepthwiseConv2DOp):
        return Method.DOT
    if has_direct(layer):
        return Method.DIRECT
    return Method.DOT if layer.depth_multiplier == 1 else Method.PLAIN


def make_stage(
    group: Sequence[LayerOp],
    grid: tuple[int, int],
    halo: tuple[Halo, Halo],
    block: int = 1,
) -> StageOp:
    """
    Moves layers that follow one another into a stage, with the buffers between them.
    Raises PassFailedException where a buffer between them is seen outside.
    """
    inside, last = set(group), group[-1]
    written = [layer.layer_output for layer in group]
    inputs: list[SSAValue] = []
    for layer in group:
        for value in layer.layer_inputs:
            if value not in written and value not in inputs:
                inputs.append(value)
    for layer in group[:-1]:
        value = layer.layer_output
        outside = [use for use in value.uses if use.operation not in inside]
        if outside or not isinstance(value.owner, AllocOp):
            raise FailedAtOp(
                layer,
                f"the output of {layer_name(layer)} is needed outside of the stage",
            )
    output = last.layer_output
    body = Block(arg_types=[value.type for value in (*inputs, output)])
    stage = StageOp(inputs, output, grid, halo, Region(body), block)
    stage.location = last.location
    if POSITION in last.attributes:
        stage.attributes[POSITION] = last.attributes[POSITION]
    Rewriter.insert_op(stage, InsertPoint.after(last))
    for value, argument in zip((*inputs, output), body.args, strict=True):
        argument.name_hint = value.name_hint
        value.replace_uses_with_if(argument, lambda use: use.operation in inside)
    for layer in group[:-1]:
        alloc = layer.layer_output.owner
        assert isinstance(alloc, AllocOp)
        alloc.detach()
        body.add_op(alloc)
    for layer in group:
        if kernel_of(layer).method in (Method.PLANAR, Method.WINOGRAD):
            # There are no such kernels for parts of rows.
            layer.attributes[KERNEL] = KernelAttr.get(
                Traversal.EITHER, method=method_of_parts(layer)
            )
        layer.detach()
        body.add_op(layer)
    return stage
