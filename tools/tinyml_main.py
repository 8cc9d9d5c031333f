"""
`tinyml`: from a model file to C for a microcontroller, and to a run of it.

    tinyml compile MODEL -o DIR    C, textual IR and a report
    tinyml run DIR                 run it on a simulated core, compare every integer
    tinyml diff A B                where two networks differ first, and why
    tinyml pareto MODEL            what less RAM costs in work
    tinyml report DIR              a page about it: memory, stages, layers, cycles
    tinyml import MODEL            the model as textual IR
    tinyml new-pass NAME           a pass to start from

Errors are one line and exit status 1; `--debug` shows where they come from.
"""

from __future__ import annotations

import gc
import os
import sys

from tinyml.tools.command_line import make_parser


def main() -> None:
    # IR is one web of references; looking for garbage in it finds none.
    gc.set_threshold(1_000_000)
    args = make_parser().parse_args()
    try:
        status = args.function(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader such as `head` has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        status = 130
    except Exception as error:
        if args.debug:
            raise
        # Imported late: an argument error is answered at once.
        from tinyml.tools.errors import describe_error

        print(f"tinyml: {describe_error(error)}", file=sys.stderr)
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
