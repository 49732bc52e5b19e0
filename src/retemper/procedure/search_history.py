"""The curves of a search of thousands: of a million epochs those of the best trials stay in ``history/``."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from retemper.core.run_folder import RunFolder, disk_faults, whole
from retemper.procedure.trained_trials import network_id
from retemper.search.excerpt import JOURNAL, MOST
from retemper.search.trials import Trial

NAME, BEST = "search.jsonl", 100


def thin_history(folder: RunFolder, trials: Sequence[Trial]) -> None:
    """Leave the rows of the best trials' networks; nothing is left out where trials are few.

    The validation loss of every epoch of every trial is in the journal all the same, as the log says.

    Args:
        folder: of the run.
        trials: all, the best first.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.
    """
    path = folder.history / NAME
    if len(trials) <= MOST or not path.is_file():
        return
    networks = {
        network_id(trial.number, fold)
        for trial in trials[:BEST]
        for own in trial.evaluations
        for fold in own.order.folds
    }
    kept, of = _keep(path, networks)
    folder.log({"event": "history thinned", "file": NAME, "rows": kept, "of": of, "all": JOURNAL})


def _keep(path: Path, networks: Collection[int]) -> tuple[int, int]:
    """Rewrite a file with the rows of some networks: how many are left, and of how many."""
    kept = of = 0
    with disk_faults(path), whole(path) as beside, path.open("rb") as rows, beside.open("wb") as file:
        for row in rows:
            of += 1
            # The member comes first in a row, which need not be read further.
            if json.loads(row.partition(b",")[0] + b"}")["member"] in networks:
                kept += 1
                file.write(row)
    return kept, of
