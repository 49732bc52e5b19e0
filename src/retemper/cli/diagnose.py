"""``retemper diagnose``: what the curves of a training tell."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retemper.cli.check import LEVELS, FailOn
from retemper.cli.options import Json, Quiet
from retemper.cli.output import print_json, write
from retemper.core.errors import InputError, nearest, shown

if TYPE_CHECKING:
    from retemper.api.diagnose import Diagnosis

Source = Annotated[
    Path,
    typer.Argument(
        metavar="RUN|METRICS", help="a run folder, or metrics: CSV, JSON lines, trainer_state.json"
    ),
]


def command(source: Source, fail_on: FailOn = None, json: Json = False, quiet: Quiet = False) -> int:
    """Name what is wrong with a training, by its curves.

    RUN is a run folder; METRICS is anyone's metrics file with columns such as epoch or step, train_loss, val_loss,
    accuracy, val_accuracy, learning_rate.
    """
    if fail_on is not None and fail_on not in LEVELS:
        message = f"There is no level {fail_on!r}, {nearest(fail_on, list(LEVELS))}"
        raise InputError("bad_option", message, {"option": "--fail-on"}, "Choose advice, warning or error.")
    from retemper.api.diagnose import diagnose, worst

    found = diagnose(source)
    if json:
        not_applicable = [{"code": code, "why": why} for code, why in found.not_applicable]
        print_json({"schema": 1, "findings": found.findings, "not_applicable": not_applicable})
    else:
        _print(found, quiet)
    return 3 if fail_on is not None and worst(found.findings) > LEVELS.index(fail_on) else 0


def _print(found: Diagnosis, quiet: bool) -> None:
    if not quiet and found.columns:
        told = ", ".join(f"{series} from {column!r}" for series, column in found.columns.items())
        write(f"Read: {shown(told)}.\n")
    for finding in found.findings:
        write(f"{finding.severity}: {finding.code}: {shown(finding.message)}\n")
        outcome = finding.outcome
        if not quiet and outcome is not None and outcome.verdict != "not_tried":
            write(f"  tried: {outcome.remedy}: {outcome.verdict}\n")
        elif not quiet and finding.remedies:
            write(f"  try: {', '.join(finding.remedies)}\n")
    if not found.findings:
        write("No findings.\n")
    reasons: dict[str, list[str]] = defaultdict(list)
    for code, why in found.not_applicable if not quiet else ():
        reasons[why].append(code)
    for why, codes in reasons.items():
        write(f"not applicable: {', '.join(codes)}: {shown(why)}\n")
