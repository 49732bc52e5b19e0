"""The evaluations of a study on disk: one JSON line each, appended in bulk, so that a killed study goes on.

Curves stay on the disk and are read when somebody asks for them: what a study keeps in memory does not grow with the
epochs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from retemper.core.records import to_json
from retemper.core.run_folder import disk_faults
from retemper.search.by_fold import ByFold
from retemper.search.space import Setting
from retemper.search.trials import Evaluation, Order

Key = tuple[int, int, tuple[int, ...]]
"""Trial, epochs and folds of an order."""
Curves = Mapping[int, tuple[float, ...]]
"""Fold → validation loss of each epoch."""
Places = Mapping[int, str]
"""Fold → where the evaluator finds the network again."""
NO_SCORES: Mapping[int, Mapping[str, float]] = {}
"""Once for all evaluations that have none."""


class Journal:
    """What came back so far.

    Args:
        path: the file; None: in memory alone.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.

    >>> order = Order(0, {"learning_rate": 0.1}, epochs=3, folds=(0,))
    >>> journal = Journal(None)
    >>> kept = journal.add([Evaluation(order, {0: 0.5})])
    >>> journal.find(order).loss
    0.5
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[Key, Evaluation] = {}
        self._before: dict[int, Key] = {}
        self._places: dict[tuple[tuple[int, str], ...], Places] = {}
        self._folds: dict[tuple[int, ...], tuple[int, ...]] = {}
        if path is not None and path.is_file():
            for own in _read(path):
                self._known[own.order.key] = self._small(own, own.curves)
            self._before = {key[0]: key for key in self._known}

    def find(self, order: Order) -> Evaluation | None:
        """The evaluation of an order that was carried out before, if its setting was the same."""
        found = self._known.get(order.key)
        if found is None or to_json(found.order.values) != to_json(order.values):
            return None
        self._known[order.key] = replace(found, order=order)  # one setting in memory, not two
        return self._known[order.key]

    def __getitem__(self, order: Order) -> Evaluation:
        """The evaluation of an order that was carried out in this session, or found."""
        return self._known[order.key]

    def setting(self, trial: int) -> Setting | None:
        """What a trial of an earlier session was; None: it is not known."""
        return self._known[self._before[trial]].order.values if trial in self._before else None

    def __iter__(self) -> Iterator[Evaluation]:
        """All of them, in the order in which they came."""
        return iter(tuple(self._known.values()))

    def add(self, evaluations: Sequence[Evaluation]) -> list[Evaluation]:
        """Keep evaluations; they are on the disk when this returns.

        Returns:
            The same, with curves that are read from there.
        """
        kept = list(evaluations)
        if self._path is not None:
            lines = [json.dumps(_plain(own)).encode() + b"\n" for own in evaluations]
            with disk_faults(self._path), self._path.open("ab") as file:
                start = file.tell()
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
            kept = []
            for own, line in zip(evaluations, lines, strict=True):
                kept.append(self._small(own, CurvesOnDisk(self._path, start)))
                start += len(line)
        self._known |= {own.order.key: own for own in kept}
        return kept

    def _small(self, own: Evaluation, curves: Curves) -> Evaluation:
        """An evaluation in little memory: networks of one stack lie in one place, and have the same folds."""
        folds = tuple(own.losses)
        return replace(
            own,
            losses=ByFold(self._folds.setdefault(folds, folds), list(own.losses.values())),
            curves=curves,
            scores=own.scores or NO_SCORES,
            places=self._places.setdefault(tuple(own.places.items()), own.places),
        )


class CurvesOnDisk(Mapping[int, tuple[float, ...]]):
    """The curves of an evaluation, read from its line of a journal each time.

    Args:
        path: of the journal.
        start: byte with which the line begins.
    """

    __slots__ = ("_path", "_start")

    def __init__(self, path: Path, start: int) -> None:
        self._path, self._start = path, start

    def __getitem__(self, fold: int) -> tuple[float, ...]:
        return self._read()[fold]

    def __iter__(self) -> Iterator[int]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def values(self) -> ValuesView[tuple[float, ...]]:
        """All, in one reading."""
        return self._read().values()

    def items(self) -> ItemsView[int, tuple[float, ...]]:
        """All with their folds, in one reading."""
        return self._read().items()

    def _read(self) -> dict[int, tuple[float, ...]]:
        with disk_faults(self._path), self._path.open("rb") as file:
            file.seek(self._start)
            return _curves(json.loads(file.readline()))


def _read(path: Path) -> Iterator[Evaluation]:
    """The evaluations in a file; a line that a kill cut off is cut off for good, or the next would be glued to it."""
    end = 0
    with path.open("rb") as file:
        for line in _whole(file):
            yield _evaluation(json.loads(line), CurvesOnDisk(path, end))
            end += len(line)
    if end < path.stat().st_size:
        with path.open("r+b") as file:
            file.truncate(end)


def evaluations_in(content: bytes) -> Iterator[Evaluation]:
    """The evaluations in a journal's content; what comes after its last whole line is not read."""
    for line in _whole(BytesIO(content)):
        saved = json.loads(line)
        yield _evaluation(saved, _curves(saved))


def _whole(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line for line in lines if line.endswith(b"\n"))


def _plain(evaluation: Evaluation) -> dict[str, Any]:
    own = {name.name: getattr(evaluation, name.name) for name in fields(evaluation)}
    return dict(to_json(own | {"curves": dict(evaluation.curves)}))


def _evaluation(saved: Mapping[str, Any], curves: Curves) -> Evaluation:
    order = saved["order"]
    values = {sys.intern(path): value for path, value in order["values"].items()}
    return Evaluation(
        Order(order["trial"], values, order["epochs"], tuple(order["folds"])),
        {int(fold): _loss(loss) for fold, loss in saved["losses"].items()},
        curves,
        {int(fold): scores for fold, scores in saved["scores"].items()},
        saved["trained_epochs"],
        saved["seconds"],
        {int(fold): place for fold, place in saved["places"].items()},
        saved["error"],
    )


def _curves(saved: Mapping[str, Any]) -> dict[int, tuple[float, ...]]:
    return {int(fold): tuple(map(_loss, curve)) for fold, curve in saved["curves"].items()}


def _loss(saved: float | None) -> float:
    return float("nan") if saved is None else saved
