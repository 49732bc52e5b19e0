"""What became of the past: the metric on every batch after every batch, by class, and what is carried over.

R[i, j] is the metric of the model in force after batch i on rows of batch j that no network was trained on. Of these
ever fewer are kept; so R[i, j] is R[i−1, j] and the change on the same rows (a difference estimator): rows that are
gone move nothing, and a model that stays is worth what it was. Backward transfer is the mean of R[T, j] − R[j, j] over
the batches before the last, T; forward transfer is R[T−1, T] − b, with b the metric of always saying what was most
frequent (the mean) before (Lopez-Paz & Ranzato 2017).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.retraining.ground import Floats, Ground

Matrix = tuple[tuple[float | None, ...], ...]
"""R; None where a batch has no rows to judge by, or nobody knows which rows are its own."""


def name_of(task: str) -> str:
    """The metric that is told: what people count."""
    return "accuracy" if task == "classification" else "rmse"


def so_far(model: Model) -> Matrix:
    """R up to now; of a model without a memory nobody knows what its training was worth."""
    return ((None,),) if model.memory is None or not model.memory.matrix else model.memory.matrix


def unjudged(matrix: Matrix) -> Matrix:
    """R with a batch that nothing was trained on or judged by: what was in force stays.

    >>> unjudged(((0.9,),))
    ((0.9,), (0.9, None))
    """
    return (*matrix, (*matrix[-1], None))


def forgotten(ground: Ground, matrix: Matrix, after: tuple[Floats, Floats]) -> tuple[dict[str, Any], Matrix]:
    """``forgetting`` of decision.json, and R with this batch.

    Old rows that were given carry no batch: they are told as one, and in R this batch stands alone.

    Args:
        ground: the rows and what the champion says of them.
        matrix: R so far, without this batch.
        after: what the model in force from now on says of the new rows and of the old ones that judge.
    """
    past, judged = ground.past, bool(len(ground.y_old))
    new, old = after
    told: dict[str, Any] = {"metric": name_of(ground.grown.task)}
    before_new = _metric(ground, ground.y_new, ground.said_new, ground.weight_new)
    after_new = _metric(ground, ground.y_new, new, ground.weight_new)
    row: list[float | None] = [None] * len(matrix)
    if past.batch is not None:
        row = [_moved(ground, past.batch == j, matrix[-1][j], old) for j in range(len(matrix))]
        told["matrix"] = [*matrix, (*row, after_new)]
        told["batches"] = ["training", *(f"batch {j}" for j in range(1, len(matrix) + 1))]
        first = [own[j] for j, own in enumerate(matrix)]
        changes = [
            now - then for now, then in zip(row, first, strict=True) if now is not None and then is not None
        ]
    else:
        every = np.ones(len(ground.y_old), dtype=bool)
        then, now = (_on(ground, every, said) for said in (ground.said_old, old))
        told["matrix"], told["batches"] = [(then, before_new), (now, after_new)], ["old rows", "new rows"]
        changes = [now - then] if now is not None and then is not None else []
    told["backward_transfer"] = float(np.mean(changes)) if changes else None
    told["forward_transfer"] = before_new - _blind(ground)
    if judged and ground.grown.classes:
        told["by_class"] = _by_class(ground, old)
    return told, (*matrix, (*row, after_new))


def _metric(ground: Ground, y: NDArray[Any], said: Floats, weight: Floats) -> float:
    if ground.grown.task == "regression":
        return float(np.sqrt(np.average((y - said) ** 2, weights=weight)))
    return float(np.average(said.argmax(axis=1) == y, weights=weight))


def _on(ground: Ground, rows: NDArray[np.bool_], said: Floats) -> float | None:
    """On some of the old rows that judge; None without any."""
    if not rows.any() or not ground.weight_old[rows].any():
        return None
    return _metric(ground, ground.y_old[rows], said[rows], ground.weight_old[rows])


def _moved(ground: Ground, rows: NDArray[np.bool_], was: float | None, said: Floats) -> float | None:
    """What was known of a batch, moved as far as its rows have; None without any."""
    now, then = _on(ground, rows, said), _on(ground, rows, ground.said_old)
    if was is None or now is None or then is None:
        return now
    most = 1.0 if ground.grown.classes else np.inf
    return float(np.clip(was + (now - then), 0.0, most))


def _blind(ground: Ground) -> float:
    """The metric of whoever knows only what the target was like before."""
    codec, y = ground.champion.target_codec, ground.y_new
    if codec.task == "regression":
        return float(np.sqrt(np.average((y - codec.prior[0]) ** 2, weights=ground.weight_new)))
    return float(np.average(y == int(np.argmax(codec.prior)), weights=ground.weight_new))


def _by_class(ground: Ground, old: Floats) -> list[dict[str, Any]]:
    """How many rows of each known class are called right, before and after."""
    found = []
    for code, name in enumerate(ground.grown.classes):
        rows = ground.y_old == code
        if rows.any():
            before, after = (_on(ground, rows, said) for said in (ground.said_old, old))
            found.append({"class": name, "before": before, "after": after, "rows": int(rows.sum())})
    return found
