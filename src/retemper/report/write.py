"""report.html of a run folder."""

from __future__ import annotations

from pathlib import Path

from retemper.core.run_folder import disk_faults, write_whole
from retemper.report import decision_page, life_stream
from retemper.report.decision_facts import decision_facts
from retemper.report.facts import facts
from retemper.report.life_course import life_of
from retemper.report.page import render


def write(run_folder: Path) -> Path:
    """Write ``report.html`` from the files of a run, whole or not at all.

    Args:
        run_folder: of a training (result.json; :func:`retemper.report.facts.facts` says what else is read), of a
            retraining (decision.json), or of a stream that is watched (``batches/*/decision.json``).

    Returns:
        the path of the page.

    Raises:
        InputError: there is none of these, one can't be read, or the folder can't be written.

    >>> write(Path("runs/20260714-101500-income"))  # doctest: +SKIP
    PosixPath('runs/20260714-101500-income/report.html')
    """
    folder = Path(run_folder)
    path, page = folder / "report.html", _page(folder)
    with disk_faults(path):
        write_whole(path, page.encode("utf-8"))
    return path


def _page(folder: Path) -> str:
    if any(folder.glob("batches/*/decision.json")):
        return life_stream.render(life_of(folder))
    if (folder / "decision.json").is_file():
        return decision_page.render(decision_facts(folder))
    return render(facts(folder))
