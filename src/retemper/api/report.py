"""Write the report of a finished run anew."""

from __future__ import annotations

from pathlib import Path

from retemper.core.errors import InputError
from retemper.core.run_folder import disk_faults
from retemper.report.write import write


def report(run: str | Path) -> Path:
    """Write RUN/report.html from the run's saved records.

    Args:
        run: the run's folder.

    Returns:
        The page's path.

    Raises:
        InputError: ``not_a_run`` or ``cannot_write``.

    >>> report("no/such/run")
    Traceback (most recent call last):
    retemper.core.errors.InputError: There is no finished run here. (folder no/such/run) Name a RUN folder ...
    """
    if not (Path(run) / "result.json").is_file():
        raise InputError(
            "not_a_run",
            "There is no finished run here.",
            {"folder": str(run)},
            "Name a RUN folder that holds result.json, or resume it with `retemper train --resume RUN`.",
        )
    with disk_faults(run):
        return write(Path(run))
