"""
Runs what may crash in a process of its own, where the system can fork one.

Code of a wrong pass may write anywhere. What it does to this process's memory is lost
with the other process; its answer comes back through a pipe.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import warnings
from collections.abc import Callable
from typing import TypeVar

from xdsl.utils.exceptions import InterpretationError

Answer = TypeVar("Answer")


def isolated(work: Callable[[], Answer]) -> Answer:
    """
    What `work` returns; raises what it raises, or InterpretationError if the process
    that runs it crashes.
    """
    if not hasattr(os, "fork"):
        return work()
    source, target = os.pipe()
    with warnings.catch_warnings():
        # Python warns of threads: the child only computes, and ends.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os.close(source)
        answer_and_exit(work, target)
    os.close(target)
    with os.fdopen(source, "rb") as stream:
        data = stream.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        raise InterpretationError(f"the kernels crash with {name}")
    result, error = pickle.loads(data)
    if error is not None:
        raise error
    return result


def answer_and_exit(work: Callable[[], object], target: int) -> None:
    """Writes what `work` returns or raises, and ends the process."""
    # A crash is told by the other process, in its own words.
    faulthandler.disable()
    try:
        answer = pickle.dumps((work(), None))
    except Exception as error:
        known = InterpretationError(f"{type(error).__name__}: {error}")
        if isinstance(error, InterpretationError):
            known = error
        answer = pickle.dumps((None, known))
    with os.fdopen(target, "wb") as stream:
        stream.write(answer)
    # Nothing of this process's is flushed or cleaned up twice.
    os._exit(0)
