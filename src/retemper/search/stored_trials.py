"""A study's trials on their way into a storage: aside, every few seconds, and once more at the end."""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any

from retemper.core.aside import Aside
from retemper.core.errors import InputError
from retemper.search.optuna_tables import Row, State
from retemper.search.storage import Storage
from retemper.search.trials import Evaluation, Trial

Reach = tuple[int, int]
"""Epochs and number of folds."""
FINAL = ("complete", "fail")
"""States of trials that are never trained on."""


class StoredTrials:
    """Writes what a study comes to know of its trials.

    The clock only spares the database: what is in it at the end does not depend on when it was written.

    Args:
        open_storage: called in the thread that writes, when there is something to write.
        aside: that thread.
        full: epochs and folds of a trial that was trained in full.
        note: called with a sentence where the database refuses while the search goes on; it is tried again.
        every_s: seconds between writings, at least.
    """

    def __init__(
        self,
        open_storage: Callable[[], Storage],
        aside: Aside,
        full: Reach,
        note: Callable[[str], None] = lambda text: None,
        every_s: float = 5.0,
    ) -> None:
        self._open, self._aside, self._full, self._note, self._every_s = (
            open_storage,
            aside,
            full,
            note,
            every_s,
        )
        self._storage: Storage | None = None
        self._changed: dict[int, Trial] = {}
        self._refused: dict[int, Trial] = {}
        self._writing: Future[None] | None = None
        self._last = time.monotonic()

    def take(self, trials: Iterable[Trial]) -> None:
        """Trials that something new is known of."""
        self._changed |= {trial.number: trial for trial in trials}
        busy = self._writing is not None and not self._writing.done()
        if not busy and time.monotonic() - self._last >= self._every_s:
            self._last = time.monotonic()
            changed, self._changed = self._changed, {}
            self._writing = self._aside.do(lambda: self._write_some(changed))

    def finish(self, trials: Sequence[Trial]) -> Future[None]:
        """The study is over: what is still paused goes no further.

        Returns:
            Done when everything is in the database; raises ``InputError`` where that refuses.
        """
        return self._aside.do(lambda: self._write_rest(trials))

    def _write_some(self, changed: dict[int, Trial]) -> None:
        changed = self._refused | changed
        try:
            self._write(row_of(trial, self._full, over=False) for trial in changed.values())
        except InputError as error:
            self._refused = changed
            self._note(f"The trials are not in their database yet: {error.message}")
        else:
            self._refused = {}

    def _write_rest(self, trials: Sequence[Trial]) -> None:
        full = max((reach_of(trial) for trial in trials if trial.sound), default=self._full)
        new = self._refused | self._changed
        rest = [trial for trial in trials if trial.number in new or reach_of(trial) < max(full, self._full)]
        try:
            self._write(row_of(trial, full, over=True) for trial in rest)
        finally:
            if self._storage is not None:
                self._storage.close()

    def _write(self, rows: Iterable[Row]) -> None:
        if self._storage is None:
            self._storage = self._open()
        before = self._storage.states
        # Of a session that was killed: what is final has not changed since.
        self._storage.write(
            row for row in rows if row.state not in FINAL or before.get(row.number) != row.state
        )


def reach_of(trial: Trial) -> Reach:
    """How far a trial was trained."""
    return (trial.last.order.epochs, len(trial.last.order.folds)) if trial.last else (0, 0)


def row_of(trial: Trial, full: Reach, over: bool) -> Row:
    """A trial as Optuna keeps it.

    Args:
        trial: what is known of it.
        full: how far trials go that are trained in full; shorter ones were pruned.
        over: whether the study is.
    """
    last = trial.last
    if last is None:
        return Row(trial.number, trial.values, "fail" if over else "running")
    attributes: dict[str, Any] = {
        "epochs": last.order.epochs,
        "folds": {str(fold): loss for fold, loss in last.losses.items()},
        "trained_epochs": sum(own.trained_epochs for own in trial.evaluations),
    }
    if last.error:
        attributes["error"] = dict(last.error)
    seconds = math.fsum(own.seconds for own in trial.evaluations)
    return Row(
        trial.number, trial.values, _state(trial, full, over), trial.loss, curve_of(last), attributes, seconds
    )


def _state(trial: Trial, full: Reach, over: bool) -> State:
    if not trial.sound:
        return "fail"
    if reach_of(trial) >= full:
        return "complete"
    return "pruned" if over else "running"


def curve_of(evaluation: Evaluation) -> list[float]:
    """The mean validation loss of each epoch that the networks of all folds have made.

    >>> from retemper.search.trials import Order
    >>> curve_of(Evaluation(Order(0, {}, 2, (0, 1)), curves={0: (0.9, 0.5), 1: (0.7,)}))
    [0.8]
    """
    return [statistics.fmean(values) for values in zip(*evaluation.curves.values(), strict=False)]


def failures(trials: Iterable[Trial]) -> list[tuple[int, str, str]]:
    """What made trials fail, the most frequent first: how many, in what words, and what to do about it."""
    errors = [trial.last.error for trial in trials if trial.last and trial.last.error and not trial.sound]
    counted = Counter((error["message"], error["advice"]) for error in errors)
    return [(count, message, advice) for (message, advice), count in counted.most_common()]
