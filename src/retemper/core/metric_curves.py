"""Rows of anyone's metrics become histories: columns by their usual names, gaps, steps and restarts put in order."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from retemper.core.errors import InputError
from retemper.core.history import History
from retemper.core.metric_names import STAGES, Meaning, Stage, meaning
from retemper.core.metric_tracks import Track, Tracks, axis, binned, positions, without_gaps
from retemper.core.metrics_layout import HINT, Row
from retemper.core.metrics_parts import with_whole_loss

Values = NDArray[np.float64]
PERCENT = 1.5
"""An accuracy above it is in percent."""
MISSING = frozenset({"", "na", "n/a", "null", "none", "-"})
SUMMARY = frozenset({"train_runtime", "eval_runtime_total"})
"""Hugging Face's last row is about the whole training."""
NUMBER = re.compile(r"(?:tensor\()?\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(%?)\s*(?:,.*\))?\)?$")
NOT_A_NUMBER = frozenset({"nan", "tensor(nan)"})
INFINITE = frozenset({"inf", "+inf", "-inf", "infinity", "-infinity", "tensor(inf)", "tensor(-inf)"})
OF_ALL = re.compile(r"\[?\s*(\d+)\s*/\s*\d+\s*\]?$")
"""An epoch such as 3/60."""


@dataclass(frozen=True)
class Metrics:
    """What a metrics file holds.

    Args:
        histories: one for each network (one, unless a column ``member``, ``run`` or ``fold`` tells several apart);
            ``epoch`` holds the epochs, or else the numbers of the points that were read.
        measure: what stands for the loss: the share of wrong answers where only an accuracy was logged.
        unit: what a point of the curves is, for messages.
        columns: what each series was read from.
    """

    histories: tuple[History, ...]
    measure: Literal["loss", "error rate"]
    unit: Literal["epoch", "point"]
    columns: Mapping[str, str]


def metrics_of(rows: Sequence[Row], source: str) -> Metrics:
    """Histories from rows of metrics.

    Args:
        rows: as :func:`retemper.core.metrics_file.read_rows` gives them.
        source: for messages.

    Raises:
        InputError: ``no_curves``: no column's name is that of a loss or an accuracy; ``not_a_number``: a cell of a
            column that is needed is none (file, column, row).

    >>> rows = [{"epoch": 0, "loss": "0.7", "val_loss": ""}, {"epoch": 1, "loss": "0.5", "val_loss": "0.6"}]
    >>> found = metrics_of(rows, "metrics.csv")
    >>> found.histories[0]["train_loss"].tolist(), found.histories[0]["epoch"].tolist()
    ([0.7, 0.5], [1.0, 2.0])
    """
    meanings = _meanings(rows)
    if not any(told.measure in ("loss", "perplexity") for told in meanings.values()):
        rows = with_whole_loss(rows)
        meanings = _meanings(rows)
    runs: dict[str, Tracks] = defaultdict(lambda: defaultdict(Track))
    columns: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if not SUMMARY & row.keys():
            _read(row, {"file": source, "row": number}, meanings, runs, columns)
    _no_curves(runs, list(dict.fromkeys(name for row in rows for name in row)), source)
    whole = [tracks for tracks in runs.values() if _has(tracks, "_loss:") or _has(tracks, "_accuracy:")]
    accuracy_only = not any(_has(tracks, "_loss:") for tracks in whole)
    histories, units = zip(*(_history(n, tracks) for n, tracks in enumerate(whole)), strict=True)
    return Metrics(
        histories,
        "error rate" if accuracy_only else "loss",
        "epoch" if set(units) == {"epoch"} else "point",
        {key.split(":")[0]: name for key, name in sorted(columns.items(), reverse=True)},
    )


def _meanings(rows: Sequence[Row]) -> dict[str, Meaning]:
    """What the columns hold; an accuracy of no named rows beside a training loss is fastai's: of validation rows."""
    names = dict.fromkeys(name for row in rows for name in row)
    told = {name: own for name in names if (own := meaning(str(name))) is not None}
    seen = {(own.stage, own.measure) for own in told.values()}
    if ("train", "loss") not in seen or seen & {("", "loss"), ("", "stage"), ("val", "accuracy")}:
        return told
    return {
        name: replace(own, stage="val") if (own.stage, own.measure) == ("", "accuracy") else own
        for name, own in told.items()
    }


def _has(tracks: Tracks, part: str) -> bool:
    return any(part in key for key in tracks)


def _read(
    row: Row,
    place: dict[str, Any],
    meanings: Mapping[str, Meaning],
    runs: dict[str, Tracks],
    columns: dict[str, str],
) -> None:
    """Add a row's numbers to its run's tracks; of columns with one meaning the plainest with a number counts."""
    epoch = step = math.nan
    stage: Stage = ""
    run = ""
    taken: dict[str, tuple[int, str, float]] = {}
    for name, cell in row.items():
        told = meanings.get(name)
        if told is None or _missing(cell):
            continue
        if told.measure == "stage":
            stage = STAGES.get(str(cell).strip().lower(), "")
        elif told.measure == "run":
            run = str(cell)
        elif told.measure == "epoch":
            epoch = _place(cell, name, place)
        elif told.measure == "step":
            step = _place(cell, name, place)
        else:
            value = _number(cell, name, place)
            if told.measure == "perplexity":
                value = math.log(value) if value > 0 else math.nan
            key = _series(told, "")
            if key not in taken or told.rank < taken[key][0]:
                taken[key] = (told.rank, name, value)
    for key, (rank, name, value) in taken.items():
        series = _series(meanings[name], stage) if stage else key
        runs[run][f"{series}:{rank}"].add(value, epoch, step, place["row"])
        columns.setdefault(f"{series}:{rank}", name)


def _series(told: Meaning, stage: Stage) -> str:
    if told.measure in ("loss", "perplexity", "accuracy"):
        return f"{told.stage or stage or 'train'}_{told.measure.replace('perplexity', 'loss')}"
    return told.measure


def _missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def _number(cell: Any, name: str, place: Mapping[str, Any]) -> float:
    """A cell as a number, NaN where it says so; infinite is infinite, whichever way."""
    if isinstance(cell, (int, float, np.number)) and not isinstance(cell, bool):
        return math.inf if math.isinf(float(cell)) else float(cell)
    text = str(cell).strip()
    if text.lower() in NOT_A_NUMBER | INFINITE:
        return math.nan if text.lower() in NOT_A_NUMBER else math.inf
    found = NUMBER.match(text) or NUMBER.match(text.replace(",", ".", 1))
    if found is None:
        message = f"The cell {text[:40]!r} of column {name!r} is not a number."
        raise InputError(
            "not_a_number", message, {**place, "column": name}, "Mend the cell, or leave it empty."
        )
    return float(found[1]) * (0.01 if found[2] else 1.0)


def _place(cell: Any, name: str, place: Mapping[str, Any]) -> float:
    """An epoch or a step; one that is not finite is none."""
    of_all = OF_ALL.match(str(cell).strip())
    number = float(of_all[1]) if of_all else _number(cell, name, place)
    return number if math.isfinite(number) else math.nan


def _no_curves(runs: Mapping[str, Tracks], names: list[str], source: str) -> None:
    read = {key.split(":")[0] for tracks in runs.values() for key in tracks}
    if not any(key.endswith(("_loss", "_accuracy")) for key in read):
        raise InputError(
            "no_curves",
            f"No column holds a loss or an accuracy; the columns are {', '.join(map(str, names[:20]))}.",
            {"file": source},
            HINT,
        )


def _history(number: int, tracks: Tracks) -> tuple[History, str]:
    """All tracks on one axis: epochs where there are enough of them, else steps, else the order of the rows."""
    own = without_gaps(_plainest(tracks))
    for name, track in own.items():
        if name.endswith("_accuracy") and max(track.values) > PERCENT:
            track.values = [value / 100 for value in track.values]
    _name_epochs(list(own.values()))
    if not _has(tracks, "_loss:"):
        own |= {
            name.replace("accuracy", "loss"): _wrong(track)
            for name, track in own.items()
            if "accuracy" in name
        }
    edges, epochs, unit = axis(own)
    series = {"epoch": epochs if unit == "epoch" else np.arange(1.0, len(edges) + 1)}
    for name, track in own.items():
        at = np.searchsorted(edges, positions(track, unit), side="left")
        series[name] = binned(
            np.array(track.values), at, len(edges), "mean" if name.startswith("train") else "last"
        )
    return History(number, series, math.nan), unit


def _plainest(tracks: Tracks) -> Tracks:
    """One track a series: the one with the plainest name."""
    best: dict[str, tuple[int, Track]] = {}
    for key, track in tracks.items():
        name, rank = key.split(":")
        if name not in best or int(rank) < best[name][0]:
            best[name] = (int(rank), track)
    return {name: track for name, (_, track) in best.items()}


def _name_epochs(tracks: Sequence[Track]) -> None:
    """Values that were logged with a step alone belong to the epoch of the last step before them."""
    known = sorted(
        {(s, e) for t in tracks for s, e in zip(t.steps, t.epochs, strict=True) if s == s and e == e}
    )
    if not known:
        return
    steps, epochs = np.array(known).T
    for track in tracks:
        at = np.clip(np.searchsorted(steps, track.steps, side="right") - 1, 0, None)
        track.epochs = np.where(np.isnan(track.epochs), epochs[at], track.epochs).tolist()


def _wrong(track: Track) -> Track:
    return Track([1 - value for value in track.values], track.epochs, track.steps, track.rows)
