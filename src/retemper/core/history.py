"""What a training left behind, epoch by epoch: written while it trains, read by doctor and report."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import to_json


@dataclass(frozen=True)
class History:
    """One member's series, one value an epoch (NaN where a value was not measured).

    Always present: ``epoch`` (from 1), ``step``, ``train_loss`` (mean over the epoch, while training),
    ``val_loss`` (the recipe's loss without regularisation), ``learning_rate``. Signals may follow:
    ``gradient_norm``, ``update_ratio`` (‖Δw‖/‖w‖, median over the epoch's steps), ``weight_norm``.
    ``trivial_loss`` is the loss of predicting the class frequencies (or the mean) for every row.
    """

    member: int
    series: Mapping[str, NDArray[np.float64]]
    trivial_loss: float

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.series[name]

    def __len__(self) -> int:
        return len(self.series["epoch"])


def append_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows such as ``{"member": 3, "epoch": 1, "val_loss": .4}`` to a JSON-lines file."""
    text = "".join(json.dumps(to_json(row)) + "\n" for row in rows)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def read_histories(path: Path, trivial_loss: float = float("nan")) -> list[History]:
    """All members' histories from a JSON-lines file, in order of member.

    A row that comes twice (a killed run repeats the epochs after its last checkpoint) counts once.
    """
    by_member: dict[int, dict[float, dict[str, float]]] = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        by_member[row["member"]][row["epoch"]] = row
    return [from_rows(m, list(rows.values()), trivial_loss) for m, rows in sorted(by_member.items())]


def from_rows(member: int, rows: list[dict[str, float]], trivial_loss: float) -> History:
    """A history from one member's rows, sorted by epoch."""
    rows = sorted(rows, key=lambda row: row["epoch"])
    names = dict.fromkeys(name for row in rows for name in row if name != "member")
    nan = float("nan")
    series = {
        name: np.array([nan if row.get(name) is None else row[name] for row in rows], dtype=np.float64)
        for name in names
    }
    return History(member, series, trivial_loss)
