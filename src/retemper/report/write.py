"""report.html of a run folder."""

from __future__ import annotations

from pathlib import Path

from retemper.core.run_folder import disk_faults, write_whole
from retemper.report import decision_page
from retemper.report.decision_facts import decision_facts
from retemper.report.facts import facts
from retemper.report.page import render


def write(run_folder: Path) -> Path:
    """Write ``report.html`` from the files of a run, whole or not at all.

    Args:
        run_folder: a folder with decision.json (of a retraining) or result.json
            (:func:`retemper.report.facts.facts` says what else is read).

    Returns:
        the path of the page.

    Raises:
        InputError: there is no result.json, or the folder can't be written.

    >>> write(Path("runs/20260714-101500-income"))  # doctest: +SKIP
    PosixPath('runs/20260714-101500-income/report.html')
    """
    folder = Path(run_folder)
    path = folder / "report.html"
    if (folder / "decision.json").is_file():
        page = decision_page.render(decision_facts(folder))
    else:
        page = render(facts(folder))
    with disk_faults(path):
        write_whole(path, page.encode("utf-8"))
    return path
