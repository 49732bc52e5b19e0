"""What the doctor's page tells, as one plain dict: the page is made of it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import Finding, to_json
from retemper.report.activations import activations_of
from retemper.report.facts import flat
from retemper.report.seen import seen_at
from retemper.report.thinning import evenly, rounded
from retemper.report.words import number

MOST_LAYERS, MOST_LOOKS = 6, 200


@dataclass(frozen=True)
class DoctorRecords:
    """What the doctor knows of one training.

    Args:
        findings: most likely cause first.
        not_applicable: (code, why) of checks that could not be made.
        series: curves by epoch (``epoch``, ``train_loss``, …); empty where no epochs were told.
        trivial: loss of the best constant output; NaN where it is not known.
        looks: fields of :class:`retemper.doctor.looks.Signals` by name; empty where nothing was watched.
        first, last: histograms of activations before training and now: ``name``, ``low``, ``high``, ``counts``,
            ``zeros``.
    """

    findings: Sequence[Finding]
    not_applicable: Sequence[tuple[str, str]] = ()
    series: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    trivial: float = float("nan")
    looks: Mapping[str, Any] = field(default_factory=dict)
    first: Sequence[Mapping[str, Any]] = ()
    last: Sequence[Mapping[str, Any]] = ()


def doctor_facts(told: DoctorRecords) -> dict[str, Any]:
    """Everything the doctor's page shows, thinned: 200 looks, 6 layers evenly from the first to the last."""
    found = [_finding(place, own) for place, own in enumerate(told.findings, 1)]
    return dict(
        to_json(
            {
                "findings": found,
                "not_applicable": list(told.not_applicable),
                "counts": {s: sum(f["severity"] == s for f in found) for s in ("error", "warning", "advice")},
                "trivial": told.trivial,
                "curves": _curves(told.series),
                "looks": _looks(told.looks),
                "activations": activations_of(told.last, told.first),
            }
        )
    )


def _finding(place: int, finding: Finding) -> dict[str, Any]:
    """A finding with its number on the page, and where in the curves it was seen."""
    evidence = finding.evidence
    epoch, step = seen_at(evidence)
    when = (
        f"epoch {number(epoch)}" if epoch is not None else f"step {number(step)}" if step is not None else ""
    )
    return {
        "place": place,
        **{key: getattr(finding, key) for key in ("code", "severity", "confidence", "message")},
        "remedies": list(finding.remedies),
        "evidence": flat(evidence),
        "epoch": epoch,
        "step": step,
        "when": when,
    }


def _curves(series: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float | None]]:
    if "epoch" not in series or len(series["epoch"]) < 2:
        return {}
    rows = _thinned(len(series["epoch"]))
    names = ("epoch", "train_loss", "val_loss")
    return {name: rounded(series[name][rows]) for name in names if name in series}


def _looks(looks: Mapping[str, Any]) -> dict[str, Any]:
    """Losses, gradients and updates of some layers, dead and saturated units, look by look."""
    steps = looks.get("steps")
    if steps is None or len(steps) < 2:
        return {}
    rows = _thinned(len(steps))
    layers = evenly(len(looks["names"]), MOST_LAYERS)
    sizes = np.sqrt(np.maximum(np.array(looks["sizes"] or [1] * len(looks["names"]), dtype=np.float64), 1))
    gradients = np.asarray(looks["gradients"])[rows] / sizes
    updates = np.asarray(looks["updates"])[rows]
    return {
        "steps": rounded(np.asarray(steps)[rows]),
        "losses": rounded(np.asarray(looks["losses"])[rows]),
        "probe_losses": rounded(np.asarray(looks["probe_losses"])[rows]),
        "layers": [_short(looks["names"][k]) for k in layers],
        "layers_left_out": len(looks["names"]) - len(layers),
        "gradients": [rounded(gradients[:, k]) for k in layers],
        "updates": [rounded(updates[:, k]) for k in layers],
        "dead": _units(np.asarray(looks["dead"])[rows]),
        "saturated": _units(np.asarray(looks["saturated"])[rows]),
    }


def _units(shares: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Of activations that have any, the worst, by their place among the network's."""
    known = [k for k in range(shares.shape[1]) if np.nan_to_num(shares[:, k]).any()]
    worst = sorted(known, key=lambda k: -float(np.nanmax(shares[:, k])))[:MOST_LAYERS]
    return [{"place": k + 1, "shares": rounded(shares[:, k])} for k in sorted(worst)]


def _thinned(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_LOOKS)).round().astype(np.int64))


def _short(name: str) -> str:
    """A parameter's name without what all have in common, its last 32 signs; a bare number is that of a layer."""
    own = name.removesuffix(".weight")
    own = f"layer {own}" if own.isdigit() else own
    return own if len(own) <= 32 else f"…{own[-31:]}"
