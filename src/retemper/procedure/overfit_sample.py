"""Step 4: a small sample must be learnt by heart; what can't overfit is broken."""

from __future__ import annotations

import numpy as np

from retemper.core.records import Finding, Step
from retemper.procedure.book import Book, State
from retemper.procedure.jobs import job_of, member_of, without_regularisation
from retemper.training.job import JobResult
from retemper.training.planning import train_rows

EPOCHS = 300
LEARNT = 1e-3
"""Loss at which the sample counts as learnt by heart and the training ends."""
RATES = (1e-3, 3e-3, 1e-2)
NEEDED = {"classification": 1.0, "regression": 0.99}


def run(book: Book, state: State) -> tuple[State, Step]:
    """Train on a few rows without regularisation until accuracy is 1 or R² is .99; one stack over some rates."""
    rows = min(state.recipe.procedure.overfit_rows, len(state.splits.train))
    members = tuple(
        member_of(state.recipe, k, learning_rate=rate, weight_decay=0.0, dropout=0.0, label_smoothing=0.0)
        for k, rate in enumerate(RATES)
    )
    training = {
        **without_regularisation(state),
        "optimizer": {"name": "adam"},
        "schedule": {"name": "constant"},
        "batch_size": 32,
        "accumulate_steps": 1,
    }
    job = job_of(
        state,
        book,
        "overfit_sample",
        members,
        EPOCHS,
        rows=rows,
        on_train=True,
        enough=LEARNT,
        training=training,
    )
    (result,) = book.train(
        [job], seconds=max(2.0, 0.08 * book.budget.left_s()) if book.budget.limited else 0.0
    )
    return _judge(state, result, rows)


def _judge(state: State, result: JobResult, rows: int) -> tuple[State, Step]:
    metric = "accuracy" if state.task == "classification" else "r2"
    reached, ceiling = _reached(state, result)
    needed = min(NEEDED[state.task], ceiling)
    # A rate that was too high leaves no loss; the curve shown is that of one that learnt.
    best = int(np.argmin(np.nan_to_num([fit.val_loss for fit in result.fits], nan=np.inf)))
    history = result.fits[best].history
    evidence = {
        "rows": rows,
        "metric": metric,
        "reached": reached,
        "needed": needed,
        "steps": result.steps,
        "curve": [[row["step"], row["val_loss"]] for row in history[:: max(1, len(history) // 60)]],
        "learning_rate": result.fits[best].member.learning_rate,
        "rows_alike_with_other_targets": ceiling < 1,
    }
    if reached >= needed - 1e-9:
        alike = ", the most that rows alike with other targets allow" if ceiling < NEEDED[state.task] else ""
        message = f"{rows} rows are learnt by heart ({metric} {reached:.3f}{alike}): "
        message += "data, loss and gradients work together."
        return state, Step("overfit_sample", "pass", message, evidence)
    if result.stopped is not None:
        message = (
            f"{rows} rows reached {metric} {reached:.3g} before the time for this check ran out; can't tell."
        )
        return state, Step("overfit_sample", "warn", message, evidence)
    finding = Finding(
        "cannot_overfit_sample", "warning", 0.8, _fault(rows, metric, reached, needed), evidence
    )
    return state.with_(findings=(*state.findings, finding)), Step(
        "overfit_sample", "warn", finding.message, evidence
    )


def _fault(rows: int, metric: str, reached: float, needed: float) -> str:
    if not np.isfinite(reached):
        return f"{rows} rows can't be learnt by heart: the loss does not stay finite; look at the inputs' scales."
    return (
        f"{rows} rows can't be learnt by heart ({metric} {reached:.3f}, needed {needed:.3f}): look at labels "
        "that don't belong to their rows, at inputs that are all alike, and at the network's width."
    )


def _reached(state: State, result: JobResult) -> tuple[float, float]:
    """The best member's accuracy or R² on the sample, and the most that any network could reach there.

    Rows that look alike but have different targets can't all be right; they lower the ceiling. A network whose
    outputs are lost reaches −∞.
    """
    _, _, arrays = state.ready
    sample = train_rows(result.job, arrays)
    y = np.asarray(sample.y)
    outputs = [own for own in result.outputs if np.isfinite(own).all()]
    keys = np.ascontiguousarray(np.hstack([sample.dense, sample.codes.astype(np.float32)]))
    _, group = np.unique(
        keys.view(np.dtype((np.void, keys.dtype.itemsize * keys.shape[1]))), return_inverse=True
    )
    group = group.ravel()
    if state.task == "classification":
        counts = np.zeros((group.max() + 1, int(y.max()) + 1))
        np.add.at(counts, (group, y), 1)
        ceiling = counts.max(1).sum() / len(y)
        return max((float((own.argmax(1) == y).mean()) for own in outputs), default=-np.inf), float(ceiling)
    means = np.bincount(group, y) / np.bincount(group)
    total = float(((y - y.mean()) ** 2).sum()) or 1.0
    ceiling = 1 - float(((y - means[group]) ** 2).sum()) / total
    return max((1 - float(((own - y) ** 2).sum()) / total for own in outputs), default=-np.inf), ceiling
