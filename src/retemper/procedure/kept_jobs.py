"""Job folders of a search: the newest stay, so that thousands of trials don't fill the disk.

A network whose folder is gone is trained again when somebody asks for it, to the same bits.
"""

from __future__ import annotations

import math
import shutil
from bisect import insort
from collections.abc import Collection, Iterable
from pathlib import Path

from retemper.search.trials import Evaluation
from retemper.training.carry_out import PAUSED

MOST = 400
"""Folders that may stay, of three files each."""
MOST_BYTES = 2 << 30
BEST = 256
"""Evaluations of a rung whose networks stay."""


class KeptJobs:
    """The folders of a search's jobs.

    Args:
        folder: the run's jobs.
        most, most_bytes: what may stay, besides what must.

    >>> import tempfile
    >>> jobs = KeptJobs(Path(tempfile.mkdtemp()), most=1)
    >>> for name in ("search.a", "search.b"):
    ...     (jobs.folder / name).mkdir()
    ...     jobs.add([name])
    >>> jobs.thin({})
    {'search.a'}
    >>> [path.name for path in jobs.folder.iterdir()]
    ['search.b']
    """

    def __init__(self, folder: Path, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self.folder, self._most, self._most_bytes = folder, most, most_bytes
        self._bytes: dict[str, int] = {}
        found = list(folder.glob("search.*")) if folder.is_dir() else []
        self.add(path.name for path in sorted(found, key=lambda path: path.stat().st_mtime_ns))

    def add(self, names: Iterable[str]) -> None:
        """Folders that were written, in that order."""
        for name in names:
            self._bytes.pop(name, None)
            self._bytes[name] = sum(file.stat().st_size for file in (self.folder / name).iterdir())

    def thin(self, needed: Collection[str]) -> set[str]:
        """Delete the oldest until the rest may stay; of those that are needed only what a training would go on from.

        Returns:
            Those that nobody can go on from any more.
        """
        total, gone = sum(self._bytes.values()), set[str]()
        for name in list(self._bytes):
            if len(self._bytes) <= self._most and total <= self._most_bytes:
                break
            if name not in needed:
                shutil.rmtree(self.folder / name, ignore_errors=True)
                total -= self._bytes.pop(name)
                gone.add(name)
            elif total > self._most_bytes and (paused := self.folder / name / PAUSED).is_file():
                size = paused.stat().st_size
                paused.unlink()
                self._bytes[name] -= size
                total -= size
                gone.add(name)
        return gone


class BestTrials:
    """The best evaluations of each rung, which are asked for at the end.

    Args:
        most: of a rung.

    >>> from retemper.search.trials import Order
    >>> best = BestTrials(most=1)
    >>> for trial, loss in enumerate([0.5, 0.4, 0.6]):
    ...     best.add(Evaluation(Order(trial, {}, 3, (0,)), {0: loss}, places={0: f"job {trial}"}))
    >>> best.places
    {'job 1'}
    """

    def __init__(self, most: int = BEST) -> None:
        self._most = most
        self._rungs: dict[tuple[int, tuple[int, ...]], list[tuple[float, int, tuple[str, ...]]]] = {}

    def add(self, evaluation: Evaluation) -> None:
        """Take one in, if it has a finite loss and is among the best of its rung."""
        order = evaluation.order
        if not math.isfinite(evaluation.loss):
            return
        rung = self._rungs.setdefault((order.epochs, order.folds), [])
        insort(rung, (evaluation.loss, order.trial, tuple(evaluation.places.values())))
        del rung[self._most :]

    @property
    def places(self) -> set[str]:
        """Where their networks lie."""
        return {place for rung in self._rungs.values() for _, _, places in rung for place in places}
