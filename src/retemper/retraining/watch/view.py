"""What RUN itself shows: the model in force, the newest decision, and the page of the stream's life."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from retemper.core.run_folder import disk_faults
from retemper.report.write import write as write_report
from retemper.retraining.watch.records import Batch, read_json, write_json

MODEL, CHALLENGER = "model", "challenger"
KEPT = 2
"""Models of so many batches stay: of the newest, and of the one that a reader may be reading just now."""


def show(run: Path, batches: Sequence[Batch]) -> None:
    """Bring RUN up to its newest batch; decision.json comes last, and says that the rest is done.

    Models of earlier batches are deleted, except those that were promoted where no registry holds them: a model may
    hold rows, and those of every batch would soon be all rows there ever were.

    Args:
        run: the stream's folder.
        batches: all of them, oldest first, one or more.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.
    """
    valid = [own for own in batches if not own.overtaken]
    with disk_faults(run):
        if valid:
            _point(run / MODEL, valid[-1].folder / MODEL)
        for own in batches:
            if own not in valid[-KEPT:]:
                _drop(own)
    write_report(batches[-1].folder)  # the registry has had its say since it was first written
    write_report(run)
    write_json(run / "decision.json", batches[-1].decision)


def shown(run: Path, batches: Sequence[Batch]) -> bool:
    """Whether RUN shows its newest batch."""
    return read_json(run / "decision.json") == batches[-1].decision


def _point(link: Path, model: Path) -> None:
    """A symbolic link, replaced by one rename: whoever opens it finds the old model or the new one."""
    beside = link.with_name(f".{link.name}.tmp")
    beside.unlink(missing_ok=True)
    beside.symlink_to(model.relative_to(link.parent), target_is_directory=True)
    beside.replace(link)


def _drop(batch: Batch) -> None:
    names = [CHALLENGER]
    if batch.stream["registered"] or not batch.decision["promoted"]:
        names.append(MODEL)
    for name in names:
        if (batch.folder / name).exists():
            shutil.rmtree(batch.folder / name)
