"""Run a native program with the harness in a directory of its own."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from pathlib import Path

from tinyml.backend.raw_run import (
    INPUTS,
    LAYERS,
    OUTPUTS,
    REQUESTS,
    RawRun,
    SimulatorError,
    read_if_there,
)


def run_host(program: Path, inputs: bytes, timeout: float) -> RawRun:
    """Run `program` on `inputs`, for at most `timeout` seconds."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / INPUTS).write_bytes(inputs)
        status: int | None = None
        fault: str | None = None
        console, timed_out = b"", False
        try:
            done = subprocess.run(
                [str(program.absolute())],
                cwd=directory,
                capture_output=True,
                timeout=timeout,
            )
            console = done.stdout + done.stderr
            if done.returncode < 0:
                fault = f"killed by {signal.Signals(-done.returncode).name}"
            else:
                status = done.returncode
        except subprocess.TimeoutExpired:
            timed_out, fault = True, f"timed out after {timeout:g} s"
        except OSError as error:
            raise SimulatorError(f"cannot run {program}: {error.strerror}") from None
        return RawRun(
            exit_status=status,
            fault=fault,
            timed_out=timed_out,
            outputs=read_if_there(directory / OUTPUTS),
            layers=read_if_there(directory / LAYERS),
            requests=read_if_there(directory / REQUESTS),
            console=console.decode(errors="replace"),
        )
