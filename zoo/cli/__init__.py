"""The `zoo` command line: one file per command group, all of them added through the hook that plugins use.

`main` turns every foreseeable mistake into one plain sentence on stderr and a status: 0 done, 1 a check failed or the
reader of a pipe went away, 2 a user's mistake, 128 and the number of the signal that interrupted it: 130 of SIGINT, 143
of SIGTERM, 129 of SIGHUP. `--traceback` or ZOO_DEBUG=1 shows where it came from. Importing this module imports neither
typer nor torch.
"""

from __future__ import annotations

import difflib
import io
import os
import re
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from zoo._util import shortage, signals, switches
from zoo._util.printable import printable
from zoo._util.processes import is_first
from zoo._util.wording import SYNONYMS, in_shell
from zoo.errors import Interrupted, InvalidInput, TrainingError, ZooError
from zoo.registry.plugins import hookimpl

if TYPE_CHECKING:
    from typer.core import TyperGroup

DONE, FAILED, MISTAKE, SIGNALLED = 0, 1, 2, 128
OPTIONS = {  # by what others call them
    **{f"--{name.replace('_', '-')}": {"n": "--count"}.get(meant, f"--{meant}") for name, meant in SYNONYMS.items()},
    "--output": "--out",
}
ELSEWHERE = {  # what is looked for as a command, and where it is
    "convert": "zoo convert comes with the package zoo-convert: pip install ./plugins/zoo-convert, in the repository.",
    "create": "Untrained models are made in Python: zoo.create(NAME); zoo train NAME makes one and trains it.",
}
UNREAD = {  # what typer's versions say of words that are no such numbers, and what is said here
    r"(Input should be|'[^']*' is not) a valid integer\b.*": "expected a whole number.",
    r"(Input should be|'[^']*' is not) a valid (number|float)\b.*": "expected a number.",
    r"(Input should be greater than or equal to |\S+ is not in the range x>=)(\d+)\b.*": r"expected at least \2.",
}
EXTRA = re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)\.?")  # in typer's versions
COMPLETING = "_ZOO_COMPLETE"  # in the environment: what shells set to complete a command line


@hookimpl
def zoo_register_commands(cli: Any) -> None:
    from zoo.cli import data, downloading, notebooks, reference, scaffolding, training

    for group in (*_groups(), notebooks, reference):
        for name, command in group.COMMANDS.items():
            cli.command(name, cls=training.Train if command is training.train else None)(command)
    for name, commands in (data.GROUPS | downloading.GROUPS | scaffolding.GROUPS).items():
        cli.add_typer(commands, name=name)


def _groups() -> tuple[Any, ...]:
    """The modules with the commands, in the order in which `zoo --help` lists these."""
    from zoo.cli import (
        checking,
        comparing,
        densities,
        detecting,
        diagnosing,
        downloading,
        exporting,
        gallery,
        interpolating,
        listing,
        mixing,
        playing,
        plugging,
        probing,
        projecting,
        publishing,
        sampling,
        scoring,
        showing,
        training,
        translating,
    )

    return (
        listing,
        showing,
        plugging,
        comparing,
        sampling,
        scoring,
        translating,
        interpolating,
        mixing,
        densities,
        projecting,
        playing,
        training,
        diagnosing,
        detecting,
        probing,
        checking,
        downloading,
        exporting,
        gallery,
        publishing,
    )


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line on `args` (default: sys.argv) and return the exit status; raises nothing."""
    given = list(sys.argv[1:] if args is None else args)
    arguments = [argument for argument in given if argument != "--traceback"]
    show = arguments != given
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × shows ? instead
    asked = signals.Asked()
    try:
        with signals.raising(asked):
            switches.check()
            show = switches.is_on("ZOO_DEBUG") or show
            _check_words(arguments)
            from zoo.cli.application import application

            status = _invoke(application(), arguments)
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
        command = next((word for word in arguments if not word.startswith("-")), "")
        return _explain_end(error, asked) or _explain(error, command)


def _check_words(arguments: list[str]) -> None:
    """Raise InvalidInput for an empty word, which as a path would mean the folder that one is in."""
    for i, word in enumerate(arguments):
        if not word or (word.startswith("--") and word.endswith("=")):
            place = word.rstrip("=") or " ".join(arguments[max(0, i - 1) : i])
            raise InvalidInput(
                f"an empty word stands after {place or 'zoo'}, as where a variable of the shell is not set. Leave it "
                "out, or say what is meant."
            )


def _invoke(group: TyperGroup, arguments: list[str]) -> Any:
    """Run a command; its status, if it gave one. `group.main` would make a status of KeyboardInterrupt and say
    nothing."""
    import typer

    if COMPLETING in os.environ:  # a shell asks for words, and not for what they do
        return group.main(arguments, prog_name="zoo")
    try:
        with group.make_context("zoo", arguments) as context:
            return group.invoke(context)
    except typer.Exit as end:
        return end.exit_code


def _explain_end(error: BaseException, asked: signals.Asked) -> int | None:
    """Say that the process was asked to end, and return the exit status; None when it was not. An extension module that
    is being imported may have made any exception of the one that the signal raised."""
    ends = [each for each in _chain(error) if isinstance(each, KeyboardInterrupt)]
    if not ends and asked.number is None:
        return None
    end = next((each for each in ends if isinstance(each, Interrupted)), Interrupted(number=asked.number or 2))
    return _complain(f"interrupted. {end}", SIGNALLED + end.number)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _without_token(text: str) -> str:
    if "huggingface_hub" not in sys.modules:
        return text
    from zoo.hub.failures import hide_token

    return hide_token(text)


def _explain(error: BaseException, command: str) -> int:
    """Say on stderr, in one line, what went wrong in `command`, and return the exit status."""
    import typer

    # BadParameter is a UsageError is a ClickException, whether typer brings its own click or uses the installed one.
    _, usage, base, *_ = typer.BadParameter.__mro__
    if isinstance(error, typer.Abort):  # the end of what is typed
        return _complain("interrupted.", SIGNALLED + 2)
    if isinstance(error, base):
        context = getattr(error, "ctx", None) if isinstance(error, usage) else None
        path = context.command_path if context else f"zoo {command}".strip()
        text = error.format_message()  # type: ignore[attr-defined]
        text = _of_command(context, command) or _of_option(error) or _of_words(text, context) or text
        text = " ".join(filter(None, (text, _of_missing(error))))
        for said, meant in UNREAD.items():
            text = re.sub(said, meant, text)
        return _complain(f"{text if text.endswith('?') else text.rstrip('.') + '.'} See {path} --help.", MISTAKE)
    if isinstance(error, ZooError):
        return _complain(in_shell(error, command), MISTAKE, alone=isinstance(error, TrainingError))
    if lack := shortage.explain(error):
        return _complain(lack, MISTAKE, alone=True)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}. Check path, permissions and free space.", MISTAKE)
    if isinstance(error, RuntimeError) and (link := str(error)).startswith(
        "Symlink loop"
    ):  # pathlib's, until Python 3.13
        return _complain(f"{link.partition(' from ')[2]} is a link that leads in a circle. Mend it.", MISTAKE)
    kind = type(error).__name__
    return _complain(f"{kind}: {error}. This is unexpected: see it with --traceback, and please report it.", FAILED)


def _of_command(context: Any, command: str) -> str:
    """Of a command that is not there, where what it is called after is; nothing of any other mistake."""
    missing = context is not None and command not in getattr(context.command, "commands", {command})
    return f"No such command {command!r}. {ELSEWHERE[command]}" if missing and command in ELSEWHERE else ""


def _of_option(error: BaseException) -> str:
    """Of an option that is not there, by the names that others give to what is; nothing of any other mistake."""
    word, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if type(error).__name__ != "NoSuchOption" or not word or context is None:
        return ""
    known = [name for parameter in context.command.params for name in parameter.opts]
    dashed = word.replace("_", "-")
    meant = OPTIONS.get(dashed, dashed)
    if meant == "--out" and "--out" not in known:
        meant = "--to"
    if meant in known:
        return f"No such option: {word}. Did you mean {meant}?"
    if close := difflib.get_close_matches(word, known, n=2, cutoff=0.7):  # typer takes letters alone for likeness
        return f"No such option: {word}. Did you mean {' or '.join(close)}?"
    key = next((each for each in ("--set", "--option") if each in known), "")
    what = "a setting" if key == "--set" else "an option of the model's own"
    setting = f"{word.lstrip('-').replace('-', '_')}=VALUE"
    return f"No such option: {word}." + (f" If it is {what}, pass {key} {setting}." if key else "")


def _of_missing(error: BaseException) -> str:
    """Of an option that a command cannot do without, how all such are passed, which tells as well what other words
    are for; nothing of any other mistake."""
    parameter, context = getattr(error, "param", None), getattr(error, "ctx", None)
    if type(error).__name__ != "MissingParameter" or parameter is None or context is None:
        return ""
    if parameter.param_type_name != "option":
        return ""
    needed = [each for each in context.command.params if each.required]
    words = [f"{each.opts[0]} …" if each.param_type_name == "option" else each.name.upper() for each in needed]
    return f"Expected {' '.join([context.command_path, *words])}."


def _of_words(text: str, context: Any) -> str:
    """Of words that a command does not expect, by what they are, the option that is meant; nothing else."""
    found = EXTRA.fullmatch(text)
    if not found or context is None:
        return ""
    known, words = {name for each in context.command.params for name in each.opts}, found[1]
    numbers = [word for word in words.split() if word.isdecimal()]
    if numbers == words.split():
        told = {"--count": f"--count {words}", "--set": f"--set KEY={words}"}
        if numbers[1:]:
            told = {"--from": f"--from {numbers[0]} --to {numbers[-1]}"}
    elif os.path.exists(words):
        told = {"--data": f"--data {shlex.quote(words)}"}
    elif re.fullmatch(r"\.\w{2,}", os.path.splitext(words)[1]) or words.endswith(("/", os.sep)):
        told = {"--out": f"--out {shlex.quote(words)}"}
    else:
        told = {"--condition": f"--condition {shlex.quote(words)}"}
    meant = next((option for name, option in told.items() if name in known), "")
    return f"Unexpected extra argument: {shlex.quote(words)}. Did you mean {meant}?" if meant else ""


def _complain(text: str, status: int, *, alone: bool = False) -> int:
    # Under torchrun all processes make the same mistake; one of them says so. What may have struck this one alone, such
    # as a loss that is not finite, and surprises are said by whoever has them.
    if status == FAILED or alone or is_first():
        print(printable(f"zoo: {' '.join(text.split())}"), file=sys.stderr)
    return status
