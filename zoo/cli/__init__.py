"""The `zoo` command line: one file per command group, all of them added through the hook that plugins use.

`main` turns every foreseeable mistake into one plain sentence on stderr and a status: 0 done, 1 a check failed or the
reader of a pipe went away, 2 a user's mistake, 130 interrupted. `--traceback` or ZOO_DEBUG=1 shows where it came from.
Importing this module imports neither typer nor torch.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from zoo._util.printable import printable
from zoo.errors import TrainingError, ZooError
from zoo.registry.plugins import hookimpl

DONE, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130


@hookimpl
def zoo_register_commands(cli: Any) -> None:
    from zoo.cli import (
        checking,
        comparing,
        detecting,
        diagnosing,
        downloading,
        interpolating,
        listing,
        mixing,
        playing,
        plugging,
        publishing,
        sampling,
        scaffolding,
        training,
        translating,
    )

    for group in (
        listing,
        plugging,
        comparing,
        sampling,
        translating,
        interpolating,
        mixing,
        playing,
        training,
        diagnosing,
        detecting,
        checking,
        downloading,
        publishing,
    ):
        for name, command in group.COMMANDS.items():
            cli.command(name)(command)
    for name, commands in (downloading.GROUPS | scaffolding.GROUPS).items():
        cli.add_typer(commands, name=name)


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line on `args` (default: sys.argv) and return the exit status; raises nothing."""
    given = list(sys.argv[1:] if args is None else args)
    arguments = [argument for argument in given if argument != "--traceback"]
    show = arguments != given or os.environ.get("ZOO_DEBUG", "") not in ("", "0")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × shows ? instead
    try:
        from zoo.cli.application import application

        status = application().main(arguments, prog_name="zoo", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else DONE
    except SystemExit as stop:  # rich and typer leave this way when the reader of a pipe went away
        return stop.code if isinstance(stop.code, int) else FAILED
    except BrokenPipeError:
        # Python flushes stdout once more at exit; let that go nowhere instead of failing again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except BaseException as error:
        if show:
            print(printable(_without_token(traceback.format_exc())), file=sys.stderr)
        return _explain(error)


def _without_token(text: str) -> str:
    if "huggingface_hub" not in sys.modules:
        return text
    from zoo.hub.failures import hide_token

    return hide_token(text)


def _explain(error: BaseException) -> int:
    """Say on stderr, in one line, what went wrong, and return the exit status."""
    import typer

    # BadParameter is a UsageError is a ClickException, whether typer brings its own click or uses the installed one.
    _, usage, base, *_ = typer.BadParameter.__mro__
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return _complain("interrupted.", INTERRUPTED)
    if isinstance(error, base):
        context = getattr(error, "ctx", None) if isinstance(error, usage) else None
        command = context.command_path if context else "zoo"
        text = error.format_message()  # type: ignore[attr-defined]
        return _complain(f"{text if text.endswith('?') else text.rstrip('.') + '.'} See {command} --help.", MISTAKE)
    if isinstance(error, ZooError):
        return _complain(str(error), MISTAKE, alone=isinstance(error, TrainingError))
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}. Check path, permissions and free space.", MISTAKE)
    kind = type(error).__name__
    return _complain(f"{kind}: {error}. This is unexpected: see it with --traceback, and please report it.", FAILED)


def _complain(text: str, status: int, *, alone: bool = False) -> int:
    # Under torchrun all processes make the same mistake; one of them says so. What may have struck this one alone, such
    # as a loss that is not finite, and surprises are said by whoever has them.
    if status == FAILED or alone or os.environ.get("RANK", "0") == "0":
        print(printable(f"zoo: {' '.join(text.split())}"), file=sys.stderr)
    return status
