"""The command ``retemper``: verbs, exit codes, and every mistake in one form.

Exit codes: 0 done; 1 our fault; 2 the input or the machine is at fault; 3 only with --fail-on; 130 stopped by
Ctrl-C or SIGTERM. Nothing heavy is imported before a verb runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import typer

from retemper.cli import check, diagnose, evaluate, predict, registry, report, retrain, train, tune
from retemper.cli.output import print_error
from retemper.core.errors import InputError, Interrupted, RetemperError, nearest

VERBS: dict[str, Callable[..., Any]] = {
    "check": check.command,
    "train": train.command,
    "tune": tune.command,
    "diagnose": diagnose.command,
    "evaluate": evaluate.command,
    "predict": predict.command,
    "report": report.command,
    "retrain": retrain.command,
    "registry": registry.command,
}
STOPPED = 130


def app() -> typer.Typer:
    """The command line with all its verbs."""
    # Rich's help costs 0.15 s at each call; plain help is within the 0.3 s that a person does not notice.
    root = typer.Typer(name="retemper", rich_markup_mode=None, add_completion=False, help=__doc_help__)
    root.callback(invoke_without_command=True, add_help_option=False)(_root)
    for name, command in VERBS.items():
        if name == "registry":  # a verb of verbs
            root.add_typer(registry.app(), name=name)
            continue
        epilog = train.epilog() if name == "train" else None
        root.command(name, epilog=epilog)(command)
    return root


__doc_help__ = "Train neural networks by the book, with evidence."


def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Show the version and exit."),
    # Typer parses its own --help by pydantic in front of every verb, whose import is most of `VERB --help`.
    wants_help: bool = typer.Option(False, "--help", help="Show this message and exit."),
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"retemper {installed('retemper')}")
    elif wants_help or context.invoked_subcommand is None:
        typer.echo(context.get_help())
    else:
        return
    raise typer.Exit


def main() -> None:
    """Run the command line and leave with its exit code."""
    code = run(sys.argv[1:])
    # All that is left would be looked through once more, for a second where PyTorch is loaded.
    gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Carry out one command.

    Args:
        arguments: as on the command line, without the program's name.

    Returns:
        The exit code.
    """
    as_json = "--json" in arguments
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        return _carried_out(arguments)
    except RetemperError as error:
        return print_error(error, as_json)
    except typer.TyperException as error:
        return print_error(_usage_error(error, _verb(arguments)), as_json)
    except Exception as error:
        if os.environ.get("RETEMPER_DEBUG") == "1":
            traceback.print_exc()
        return print_error(_own_fault(error), as_json)
    finally:
        signal.signal(signal.SIGTERM, before)


def _carried_out(arguments: Sequence[str]) -> int:
    verb = _verb(arguments)
    if verb is not None and verb not in VERBS:
        raise InputError(
            "unknown_command",
            f"There is no command {verb!r}, {nearest(verb, list(VERBS))}",
            {"command": verb},
            "See `retemper --help`.",
        )
    code = app()(list(arguments), prog_name="retemper", standalone_mode=False)
    if code == STOPPED:  # Typer turns Ctrl-C outside of a run into this code
        raise Interrupted(
            "interrupted", "Stopped on request; nothing was under way to save.", None, "Run it again."
        )
    return int(code or 0)


def _verb(arguments: Sequence[str]) -> str | None:
    return next((word for word in arguments if not word.startswith("-")), None)


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _usage_error(error: typer.TyperException, verb: str | None) -> InputError:
    """A mistake in the options, with the nearest right spelling."""
    hint = f"See `retemper {verb or ''} --help`.".replace("  ", " ")
    if hasattr(error, "possibilities"):  # Typer keeps the class for an unknown option to itself
        option, command = str(getattr(error, "option_name", "")), getattr(error, "cmd", None)
        known = [word for parameter in getattr(command, "params", []) for word in parameter.opts]
        options = [word for word in [*known, "--help"] if word.startswith("--")]
        message = f"There is no option {option}, {nearest(option, options)}"
        return InputError("unknown_option", message, {"option": option}, hint)
    parameter = getattr(error, "param", None)
    name = getattr(error, "option_name", None) or getattr(parameter, "metavar", None)
    long = next((word for word in getattr(parameter, "opts", []) if word.startswith("--")), name)
    message = getattr(error, "format_message", error.__str__)()
    return InputError("bad_option", message, {"option": long} if long else None, hint)


def _own_fault(error: Exception) -> RetemperError:
    notes = " ".join(getattr(error, "__notes__", []))
    hint = "This is a fault of retemper's: please report it with the traceback"
    return RetemperError(
        "internal_error",
        f"retemper failed: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}",
        notes or None,
        f"{hint}." if notes else f"{hint} (set RETEMPER_DEBUG=1 to see it).",
    )


if __name__ == "__main__":
    main()
