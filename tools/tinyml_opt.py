"""
`tinyml-opt`: `xdsl-opt` plus importers by file extension, named pipelines, help, and
what a pipeline does while it runs.

`-p @default` runs a named pipeline; `--list-passes` and `--list-targets` say what each
pass and target is for; `--load FILE.py` adds the passes of a file. Errors are one line;
`--debug` shows where they come from.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import IO, TYPE_CHECKING

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import (
    ArgSpecParseError,
    DiagnosticException,
    ShrinkException,
    VerifyException,
)
from xdsl.xdsl_opt_main import xDSLOptMain

from tinyml.passes.pipelines import TO_LOOPS, expand, is_name
from tinyml.tools.instrumentation import (
    PassCrash,
    PassInstrumentation,
    PassReached,
    run_passes,
)
from tinyml.tools.load_passes import load_passes
from tinyml.tools.opt_options import add_options

if TYPE_CHECKING:
    from tinyml.tools.crash_reproducer import CrashReproducer
    from tinyml.tools.print_ir import IRStyle


def importer(suffix: str) -> Callable[[IO[bytes]], ModuleOp]:
    def run(stream: IO[bytes]) -> ModuleOp:
        from tinyml.frontend.load import import_bytes

        return import_bytes(stream.read(), suffix, "network")

    return run


class TinyMLOptMain(xDSLOptMain):
    """The driver; everything not named here is `xdsl-opt`'s."""

    version_format = "tinyml-opt (xdsl {xdsl_version})"

    def register_all_frontends(self) -> None:
        super().register_all_frontends()
        for suffix in ("tflite", "onnx", "pt2"):
            self.available_frontends[suffix] = importer(f".{suffix}")

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        add_options(arg_parser)

    def setup_pipeline(self) -> None:
        for file in self.args.load:
            for name, factory in load_passes(file).items():
                self.register_pass(name, factory)
        self.is_named = is_name(self.args.passes)
        try:
            self.args.passes = expand(self.args.passes)
            super().setup_pipeline()
        except ValueError as error:
            raise DiagnosticException(str(error)) from error

    def run(self) -> None:
        if self.args.print_pipeline:
            print(",".join(str(pass_) for pass_ in self.pipeline.passes))
            return
        looking_on = self.looking_on
        try:
            super().run()
        finally:
            for observer in looking_on:
                observer.finish()

    @cached_property
    def looking_on(self) -> Sequence[PassInstrumentation]:
        """The observers, which see all modules of a split file."""
        return self.observers()

    def observers(self) -> Sequence[PassInstrumentation]:
        """What the options ask to look on while passes run; timing nearest to them."""
        found: list[PassInstrumentation] = []
        args = self.args
        if args.print_ir_before or args.print_ir_after or args.print_between_passes:
            found.append(self.printing())
        if args.dump_ir_dir is not None:
            found.append(self.dumping())
        if args.check_each:
            from tinyml.tools.check_each import CheckEach

            found.append(CheckEach(args.check_each_seeds, args.check_each_steps))
        if args.remarks is not None:
            from tinyml.tools.print_remarks import PrintRemarks

            passes = [name for name in args.remarks.split(",") if name]
            self.check_names(passes)
            found.append(PrintRemarks(self.get_input_name(), passes))
        if args.pass_stats is not None:
            from tinyml.tools.pass_stats import PassStatistics

            found.append(PassStatistics(args.pass_stats, args.pass_stats_file))
        if args.time_passes:
            from tinyml.tools.pass_timing import PassTiming

            found.append(PassTiming())
        return found

    @cached_property
    def reproducer(self) -> CrashReproducer:
        from tinyml.tools.crash_reproducer import CrashReproducer

        args = self.args
        options = [word for file in args.load for word in ("--load", str(file))]
        options += ["--disable-verify"] if args.disable_verify else []
        if args.allow_unregistered_dialect:
            options.append("--allow-unregistered-dialect")
        passes, file = self.pipeline.passes, args.crash_reproducer
        return CrashReproducer(self.ctx, passes, options, file, args.reproducer)

    def printing(self) -> PassInstrumentation:
        from tinyml.tools.print_ir import PrintIR

        before, after = self.args.print_ir_before, self.args.print_ir_after
        self.check_names([*before, *after])
        between = len(self.pipeline.passes) - 1 if self.args.print_between_passes else 0
        return PrintIR(self.style(elided_on=sys.stderr), before, after, between)

    def check_names(self, wanted: Sequence[str]) -> None:
        """Raises DiagnosticException for a name that no pass of the pipeline has."""
        names = [pass_.name for pass_ in self.pipeline.passes]
        for name in wanted:
            if name not in names:
                raise DiagnosticException(
                    f"no pass of the pipeline is {name!r}; there are: "
                    + ", ".join(names)
                )

    def dumping(self) -> PassInstrumentation:
        from tinyml.tools.print_ir import DumpIR

        if self.args.split_input_file:
            raise DiagnosticException(
                "--dump-ir-dir takes one module, not those of --split-input-file"
            )
        return DumpIR(self.style(), self.args.dump_ir_dir)

    def style(self, elided_on: IO[str] | None = None) -> IRStyle:
        """How IR is printed, by default elided if what it goes to is a terminal."""
        from tinyml.tools.print_ir import IRStyle

        elide = self.args.elide
        if elide is None:
            elide = elided_on is not None and elided_on.isatty()
        return IRStyle(
            elide,
            self.args.print_op_generic,
            self.args.print_debuginfo,
            self.args.print_no_properties,
            self.args.syntax_highlight,
        )

    def apply_passes(self, prog: ModuleOp) -> None:
        reached = PassReached()
        try:
            run_passes(
                self.ctx,
                prog,
                self.pipeline.passes,
                (self.reproducer, *self.looking_on, reached),
                self.verified(),
            )
        except ShrinkException:
            raise
        except DiagnosticException as error:
            if self.args.verify_diagnostics:
                raise
            raise self.placed(error, prog, reached) from error
        except Exception as error:
            if reached.name is None:
                raise
            raise PassCrash(reached.name, self.reproducer.written) from error

    def verified(self) -> Collection[int]:
        """
        The passes before which the module is verified, and the number behind the last.
        A pipeline that has a name is tested pass by pass: it takes a third of the time
        to look at what comes in, at layers before they become loops, and at the end.
        """
        passes = self.pipeline.passes
        if self.args.disable_verify:
            return ()
        if not self.is_named:
            return range(len(passes) + 1)
        made = [n for n, pass_ in enumerate(passes) if pass_.name == TO_LOOPS]
        return {0, *made, len(passes)}

    def placed(
        self, error: DiagnosticException, module: ModuleOp, reached: PassReached
    ) -> Exception:
        """An error of a pass or of the verifier behind it, in one line."""
        from tinyml.tools.diagnostics import pass_error, verifier_error

        file, reproducer = self.get_input_name(), self.reproducer.written
        if isinstance(error, VerifyException):
            return verifier_error(module, file, reached.name, reproducer)
        if reached.name is None:
            return error
        return pass_error(error, file, reached.name, reproducer)

    def output_resulting_program(self, prog: ModuleOp) -> str:
        to = sys.stdout if self.args.output_file is None else None
        if self.args.target == "mlir":
            return self.style(to).text(prog)
        return super().output_resulting_program(prog)

    def prepare_input(self) -> tuple[list[tuple[IO[bytes], int]], str]:
        try:
            return super().prepare_input()
        except ValueError as error:
            raise DiagnosticException(str(error)) from error

    def parse_chunk(
        self, chunk: IO[bytes], file_extension: str, start_offset: int = 0
    ) -> ModuleOp | None:
        if file_extension != "mlir":
            return super().parse_chunk(chunk, file_extension, start_offset)
        from tinyml.tools.located_parser import parse_located

        return parse_located(
            self.ctx,
            chunk.read(),
            self.get_input_name(),
            start_offset,
            implicit_module=not self.args.no_implicit_module,
            raw=self.args.parsing_diagnostics or self.args.verify_diagnostics,
        )


def main() -> None:
    # IR is one web of references; looking for garbage in it finds none.
    gc.set_threshold(1_000_000)
    try:
        TinyMLOptMain(description="tinyml modular optimizer driver").run()
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader such as `head` has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (Exception, ArgSpecParseError) as error:
        if "--debug" in sys.argv:
            raise
        from tinyml.tools.errors import error_line

        print(error_line("tinyml-opt", error), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
