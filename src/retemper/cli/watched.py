"""What ``retemper retrain NAME --watch FOLDER`` prints after a look at the folder, and its exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from retemper.cli.output import number, print_json, print_table, write
from retemper.core.errors import InputError

if TYPE_CHECKING:
    from retemper.api.watch_folder import Passed

BAD_INPUT = 2


def leave(passed: Passed, json: bool, quiet: bool) -> None:
    """Print, and leave with exit code 2 where a file was found to be damaged; a later look does not tell it again.

    Raises:
        typer.Exit: a file failed.
    """
    if json:
        print_json(passed.to_json())
    else:
        print_passed(passed, quiet)
    if passed.tally.failed:
        raise typer.Exit(BAD_INPUT)


def print_passed(passed: Passed, quiet: bool) -> None:
    """A line for each batch, and what did not become one."""
    tally = passed.tally
    for name, error in tally.failed.items():
        _print_failure(name, error)
    rows = [_row(own.decision) for own in tally.batches]
    if quiet:
        write("".join(f"{row[0]}: {row[4]}\n" for row in rows))
        return
    if rows:
        print_table("", ("file", "drift", "harm", "strategy", "verdict", "in force"), rows)
    for line in _left(passed):
        write(f"{line}\n")
    if passed.decision is not None:
        write(f"\nModel:  {passed.folder / 'model'}\nReport: {passed.folder / 'report.html'}\n")


def _row(decision: Any) -> tuple[str, ...]:
    drift, promoted = decision["drift"], decision["promoted"]
    tested = "not tested" if drift["p_value"] is None else f"p = {drift['p_value']:.2g}"
    return (
        str(decision["batch"]),
        f"{tested}, {'drift' if drift['detected'] else 'none seen'} at {number(drift['alpha'])}",
        str(decision["harm"]["verdict"]),
        str(decision["strategy"]),
        "promoted" if promoted else "kept",
        str(decision["challenger"] if promoted else decision["champion"]),
    )


def _left(passed: Passed) -> list[str]:
    """What is to be told of the batches, and what was there and is no new batch."""
    tally = passed.tally
    lines = [
        f"{own.decision['batch']}: {told['message']}"
        for own in tally.batches
        for told in own.decision["findings"]
    ]
    lines += [f"{name}: the same content as {other}, passed over." for name, other in tally.same.items()]
    lines += [f"{name}: labels whose rows have not come yet." for name in tally.labels]
    lines += [f"{name}: failed before, and has not changed since." for name in tally.failed_before]
    if tally.waiting is not None:
        lines.append(
            f"{tally.waiting}: is still being written; it and the files behind it wait for the next look."
        )
    if not tally.batches and not lines and not tally.failed:
        lines.append("No new file.")
    return lines


def _print_failure(name: str, told: dict[str, Any]) -> None:
    error = InputError(told["code"], told["message"], told["where"], told["try"])
    text = f"error: {name}: {error.message}\nwhere: {error.where_text()}\ntry: {error.hint}\n"
    sys.stderr.write(text)
