"""Everything this distribution adds to xDSL, by name and loaded lazily."""

from importlib import import_module

from xdsl.ir import Dialect
from xdsl.passes import ModulePass
from xdsl.universe import Universe
from xdsl.utils.target import Target

PASSES = {
    "tinyml-annotate-cycles": ("annotate_cycles", "AnnotateCyclesPass"),
    "tinyml-annotate-memory": ("annotate_memory", "AnnotateMemoryPass"),
    "tinyml-check-memory": ("check_memory", "CheckMemoryPass"),
    "tinyml-annotate-receptive-field": (
        "annotate_receptive_field",
        "AnnotateReceptiveFieldPass",
    ),
    "tinyml-convert-acle-to-arith": (
        "convert_acle_to_arith",
        "ConvertAcleToArithPass",
    ),
    "tinyml-convert-layers-to-loops": (
        "convert_layers_to_loops",
        "ConvertLayersToLoopsPass",
    ),
    "tinyml-count-macs": ("count_macs", "CountMacsPass"),
    "tinyml-fill-memory": ("fill_memory", "FillMemoryPass"),
    "tinyml-fold-constants": ("fold_constants", "FoldConstantsPass"),
    "tinyml-fold-dead-channels": (
        "fold_dead_channels",
        "FoldDeadChannelsPass",
    ),
    "tinyml-fold-lookups": ("fold_lookups", "FoldLookupsPass"),
    "tinyml-fold-pad": ("fold_pad", "FoldPadPass"),
    "tinyml-fold-reshape": ("fold_reshape", "FoldReshapePass"),
    "tinyml-fuse-activation": ("fuse_activation", "FuseActivationPass"),
    "tinyml-inplace": ("inplace", "InplacePass"),
    "tinyml-insert-layer-hooks": ("insert_layer_hooks", "InsertLayerHooksPass"),
    "tinyml-lower-stages": ("lower_stages", "LowerStagesPass"),
    "tinyml-lower-arena": ("lower_arena", "LowerArenaPass"),
    "tinyml-mark-readonly": ("mark_readonly", "MarkReadonlyPass"),
    "tinyml-merge-kernels": ("merge_kernels", "MergeKernelsPass"),
    "tinyml-number-layers": ("number_layers", "NumberLayersPass"),
    "tinyml-overlap": ("overlap", "OverlapPass"),
    "tinyml-stream": ("stream", "StreamPass"),
    "tinyml-patch": ("patch", "PatchPass"),
    "tinyml-plan-stages": ("plan_stages", "PlanStagesPass"),
    "tinyml-plan-memory": ("plan_memory", "PlanMemoryPass"),
    "tinyml-prefix-symbols": ("prefix_symbols", "PrefixSymbolsPass"),
    "tinyml-quantized-io": ("quantized_io", "QuantizedIOPass"),
    "tinyml-read-input": ("read_input", "ReadInputPass"),
    "tinyml-schedule": ("schedule", "SchedulePass"),
    "tinyml-select-kernels": ("select_kernels", "SelectKernelsPass"),
    "tinyml-outline-hot-loops": ("outline_hot_loops", "OutlineHotLoopsPass"),
    "tinyml-select-thumb": ("select_thumb", "SelectThumbPass"),
    "tinyml-thumb-allocate": ("thumb_allocate", "ThumbAllocatePass"),
    "tinyml-thumb-schedule": ("thumb_schedule", "ThumbSchedulePass"),
    "tinyml-thumb-spill": ("thumb_spill", "ThumbSpillPass"),
}
"""Pass name: its module in `tinyml.passes` and its class."""

TARGETS = {
    "tinyml-c": ("c_target", "CTarget"),
    "tinyml-memory": ("memory_target", "MemoryTarget"),
    "tinyml-memory-json": ("memory_target", "MemoryJSONTarget"),
    "tinyml-memory-svg": ("memory_target", "MemorySVGTarget"),
    "tinyml-mlir": ("mlir_target", "MLIRTarget"),
}
"""Target name: its module in `tinyml.backend` and its class."""


def _tinyml() -> Dialect:
    from tinyml.dialects.tinyml import TinyML

    return TinyML


def _acle() -> Dialect:
    from tinyml.dialects.acle import Acle

    return Acle


def _thumb() -> Dialect:
    from tinyml.dialects.thumb import Thumb

    return Thumb


def _pass(module: str, name: str):
    def load() -> type[ModulePass]:
        return getattr(import_module(f"tinyml.passes.{module}"), name)

    return load


def _target(module: str, name: str):
    def load() -> type[Target]:
        return getattr(import_module(f"tinyml.backend.{module}"), name)

    return load


TINYML_UNIVERSE = Universe(
    all_dialects={"acle": _acle, "thumb": _thumb, "tinyml": _tinyml},
    all_passes={key: _pass(*place) for key, place in PASSES.items()},
    all_targets={key: _target(*place) for key, place in TARGETS.items()},
)
