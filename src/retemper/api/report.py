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
    place = Path(run)
    finished = any((place / name).is_file() for name in ("result.json", "decision.json"))
    if not finished and not any(place.glob("batches/*/decision.json")):
        raise InputError(
            "not_a_run",
            "There is no finished run here.",
            {"folder": str(run)},
            "Name a RUN folder that holds result.json or decision.json, or go on: `retemper train --resume RUN`.",
        )
    with disk_faults(run):
        return write(place)
