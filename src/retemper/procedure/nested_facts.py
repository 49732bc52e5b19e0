"""What a nested estimate says: its figures beside the run's own, and what was not nested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import Score
from retemper.evaluation.metrics import main_metric, metrics
from retemper.evaluation.nested_scores import Repeat, nested_scores
from retemper.procedure.book import State
from retemper.procedure.prepare import weights
from retemper.procedure.test_once import held_out_outputs


@dataclass(frozen=True)
class Judged:
    """What came out of an outer fold: the judges' outputs, and the figure that the inner choice promised."""

    judges: NDArray[np.int64]
    outputs: NDArray[np.float64]
    called: NDArray[np.int64] | None
    inner: float
    networks: int


def held_out_scores(state: State) -> dict[str, float]:
    """What the held-out rows say of the networks chosen, all metrics."""
    (y, weight), outputs = held_out_outputs(state)
    return metrics(state.task, y, outputs, weight)


def facts_of(state: State, repeats: list[list[Judged]], recipes: int) -> dict[str, Any]:
    """The record of :func:`retemper.procedure.nested.run`, from the judged folds of each repeat."""
    found = figures_of(state, repeats, state.recipe.procedure.nested_folds)
    return found | {"recipes": recipes, "not_nested": not_nested(state)}


def figures_of(state: State, repeats: list[list[Judged]], folds: int) -> dict[str, Any]:
    """What the judged folds say beside the run's own figure.

    Args:
        state: of the run, when its own choice is made.
        repeats: the judged folds of each draw.
        folds: how many there are in a draw.
    """
    name = main_metric(state.task)
    group = None
    if state.schema.group:
        group = state.table.frame[state.schema.group].rank("dense").to_numpy()
    judged = [_repeat(state, own) for own in repeats]
    found = nested_scores(
        state.task, judged, folds, state.recipe.procedure.bootstrap, state.recipe.seed, group
    )
    own = held_out_scores(state)[name]
    rows = len(state.splits.train) + len(state.splits.validation)
    return {
        "metric": name,
        "metrics": found,
        "inner": float(np.mean([part.inner for repeat in repeats for part in repeat])),
        "own": own,
        "optimism": found[name].value - own,
        "rows": len(np.unique(np.concatenate([repeat.rows for repeat in judged]))),
        "of_rows": rows,
        "folds": folds,
        "repeats": len(repeats),
        "networks": sum(part.networks for repeat in repeats for part in repeat),
        "learnt_from": 1 - 1 / folds,
        "message": sentence(name, found[name], own),
    }


def _repeat(state: State, parts: list[Judged]) -> Repeat:
    rows = np.concatenate([part.judges for part in parts])
    frame = state.table.frame[rows]
    called = [part.called for part in parts if part.called is not None]
    return Repeat(
        rows,
        state.ready[1].encode(frame[state.ready[1].name]),
        np.concatenate([part.outputs for part in parts]),
        weights(state.schema, frame).astype(np.float64) if state.schema.weight else None,
        np.concatenate(called) if called else None,
    )


def not_nested(state: State) -> list[str]:
    """What was found out on all rows, the outer ones included, and taken over as it was."""
    kept = {f.code for f in state.findings if f.outcome is not None and f.outcome.verdict == "kept"}
    found = ["the range of learning rates"] if state.rate_range else []
    found += ["the number of epochs planned"] if state.trials else []
    tried = {trial.model["name"] for trial in state.trials}
    used = {bag.networks[0].model["name"] for bag, _ in state.chosen}
    found += ["which architectures join in"] if used - tried and tried else []
    treated = state.baseline_preparer is not None and state.baseline_preparer is not state.preparer
    found += ["the treatments of columns"] if treated else []
    found += ["the remedies kept"] if kept - {"label_errors"} else []
    found += ["wrong labels, which stay as they are in the folds"] if "label_errors" in kept else []
    return found


def sentence(name: str, nested: Score, own: float) -> str:
    """The estimate, what the run's own choice promised, and the difference.

    >>> sentence("log_loss", Score(0.42, 0.35, 0.49), 0.38)
    "Nested estimate: log_loss 0.42 (95 %: 0.35 to 0.49); the run's own best said 0.38, optimistic by 0.04."
    """
    text = f"Nested estimate: {name} {nested.value:.4g}"
    text += "" if nested.low is None else f" (95 %: {nested.low:.4g} to {nested.high:.4g})"
    off = nested.value - own
    told = f"optimistic by {off:.2g}" if off > 0 else "no better than that"
    return f"{text}; the run's own best said {own:.4g}, {told}."
