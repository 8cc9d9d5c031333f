"""The pipelines that have a name, and names within pass strings."""

from pathlib import Path

import pytest
from command_lines import Cli
from xdsl.passes import PassPipeline
from xdsl.universe import Universe

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.passes.pipelines import CORES, PIPELINES, expand

DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits_int8.onnx"


@pytest.mark.parametrize("name", PIPELINES)
def test_printed_pipeline_is_the_same(cli: Cli, name: str):
    known = dict(Universe.get_multiverse().all_passes)
    printed = cli("tinyml-opt", "-p", f"@{name}", "--print-pipeline").out
    passes = PassPipeline.parse_spec(known, PIPELINES[name]).passes
    assert PassPipeline.parse_spec(known, printed.strip()).passes == passes


@pytest.mark.parametrize("core", CORES)
def test_core_is_what_compile_runs(core: str):
    report = compile_model(DIGITS, CompileOptions(target=core)).report
    assert report["pipeline"] == expand(f"@{core}")


def test_names_anywhere():
    default = PIPELINES["default"]
    assert expand("@default") == default
    assert expand("a,@default,b{x=1}") == f"a,{default},b{{x=1}}"
    assert expand('a{x="@default" y=2}') == 'a{x="@default" y=2}'
    assert expand("mlir-opt[f(@g)]") == "mlir-opt[f(@g)]"
    assert expand("") == ""
    with pytest.raises(ValueError, match="unknown pipeline '@defaults'; there are: @d"):
        expand("a,@defaults")
