"""``retemper report``: the page of a finished run, written anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retemper.cli.options import Json, Quiet
from retemper.cli.output import print_json, write

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="the folder of a finished run")]


def command(run: RunPath, json: Json = False, quiet: Quiet = False) -> None:
    """Write RUN/report.html anew.

    The page is made from what the run saved; nothing is trained.
    """
    from retemper.api.report import report

    page = report(run)
    if json:
        print_json({"report": str(page)})
    else:
        write(f"{page}\n" if quiet else f"Report: {page}\n")
