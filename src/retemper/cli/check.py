"""``retemper check``: findings about a table, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retemper.cli.options import Data, Json, Quiet, Target
from retemper.cli.output import print_json, print_table, write
from retemper.core.errors import InputError, nearest, shown

if TYPE_CHECKING:
    from retemper.data.check import Checked

LEVELS = ("advice", "warning", "error")
FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on", metavar="LEVEL", help="exit with 3 at a finding of advice, warning or error, or worse"
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE.html", help="also write a page: distributions, missing cells, correlations"
    ),
]


def command(
    data: Data,
    target: Target = None,
    fail_on: FailOn = None,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Look for faults in DATA before training.

    Missing cells, duplicates, outliers, leakage, imbalance, and what kind each column is taken for.
    """
    if fail_on is not None and fail_on not in LEVELS:
        message = f"There is no level {fail_on!r}, {nearest(fail_on, list(LEVELS))}"
        raise InputError("bad_option", message, {"option": "--fail-on"}, "Choose advice, warning or error.")
    from retemper.api.check import check

    checked = check(data, target, out=out)
    if json:
        not_applicable = [{"code": code, "why": why} for code, why in checked.not_applicable]
        print_json({"schema": 1, "findings": checked.findings, "not_applicable": not_applicable})
    else:
        _print(checked, quiet)
        if out is not None and not quiet:
            write(f"Page: {out}\n")
    worst = max((LEVELS.index(finding.severity) for finding in checked.findings), default=-1)
    return 3 if fail_on is not None and worst >= LEVELS.index(fail_on) else 0


def _print(checked: Checked, quiet: bool) -> None:
    if not quiet:
        rows = [
            (
                str(column["name"]),
                column["kind"],
                str(column["missing"]),
                str(column["distinct"]),
                column["why"],
            )
            for column in checked.evidence["columns"]
        ]
        print_table("Columns", ("column", "kind", "missing", "distinct", "why"), rows)
        write("\n")
    for finding in checked.findings:
        write(f"{finding.severity}: {finding.code}: {shown(finding.message)}\n")
    if not checked.findings:
        write("No findings.\n")
    for code, why in checked.not_applicable if not quiet else ():
        write(f"not applicable: {code}: {shown(why)}\n")
