"""The evaluations of a study on disk: one JSON line each, appended in bulk, so that a killed study goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from retemper.core.records import to_json
from retemper.core.run_folder import disk_faults
from retemper.search.trials import Evaluation, Order


class Journal:
    """What came back so far.

    Args:
        path: the file; None: in memory alone.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.

    >>> order = Order(0, {"learning_rate": 0.1}, epochs=3, folds=(0,))
    >>> journal = Journal(None)
    >>> journal.add([Evaluation(order, {0: 0.5})])
    >>> journal.find(order).loss
    0.5
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[Any, Evaluation] = {}
        if path is not None and path.is_file():
            self._known = {evaluation.order.key: evaluation for evaluation in _read(path)}

    def find(self, order: Order) -> Evaluation | None:
        """The evaluation of an order that was carried out before, if its setting was the same."""
        found = self._known.get(order.key)
        return found if found and to_json(found.order.values) == to_json(order.values) else None

    def __iter__(self) -> Iterator[Evaluation]:
        """All of them, in the order in which they came."""
        return iter(tuple(self._known.values()))

    def add(self, evaluations: Sequence[Evaluation]) -> None:
        """Keep evaluations; they are on the disk when this returns."""
        self._known |= {evaluation.order.key: evaluation for evaluation in evaluations}
        if self._path is None:
            return
        lines = "".join(json.dumps(to_json(asdict(evaluation))) + "\n" for evaluation in evaluations)
        with disk_faults(self._path), self._path.open("ab") as file:
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())


def _read(path: Path) -> list[Evaluation]:
    """The evaluations in a file; a line that a kill cut off is cut off for good, or the next would be glued to it."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return list(evaluations_in(whole))


def evaluations_in(content: bytes) -> Iterator[Evaluation]:
    """The evaluations in a journal's content; what comes after its last whole line is not read."""
    for line in content[: content.rfind(b"\n") + 1].decode().splitlines():
        yield _evaluation(json.loads(line))


def _evaluation(saved: Mapping[str, Any]) -> Evaluation:
    order = saved["order"]
    nan = float("nan")
    return Evaluation(
        Order(order["trial"], order["values"], order["epochs"], tuple(order["folds"])),
        {int(fold): nan if loss is None else loss for fold, loss in saved["losses"].items()},
        {
            int(fold): tuple(nan if loss is None else loss for loss in curve)
            for fold, curve in saved["curves"].items()
        },
        {int(fold): scores for fold, scores in saved["scores"].items()},
        saved["trained_epochs"],
        saved["seconds"],
        {int(fold): place for fold, place in saved["places"].items()},
        saved["error"],
    )
