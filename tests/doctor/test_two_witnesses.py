"""Causes that one sign alone would leave in doubt: large weights and a first loss, a penalty and a simple model."""

from dataclasses import replace

import numpy as np
import pytest

from retemper.core import catalogue
from retemper.core.records import Finding
from retemper.doctor.case import Case, LossFacts, Network, Operation, Standing
from retemper.doctor.first_loss import beyond_chance
from retemper.doctor.gate import gated
from retemper.doctor.looks import Signals

LOSS = LossFacts("logits", trivial=1.0, initial=1.2, even=1.1)


def judged(code: str, case: Case) -> Finding | None:
    module = catalogue.entry("symptom", code)
    found: Finding | None = module.check(case, module.Options())
    return found


def begun(times: float, first: float | None) -> Case:
    """Weights so many times as large as √(2 / inputs), and a first loss so many times that of a guess."""
    network = Network(
        (Operation("linear", (8, 3)),), (8, 3), 0.0, 1.0, 9, spreads={"0.weight": (times * 0.5, 8)}
    )
    loss = None if first is None else replace(LOSS, initial=1.1 * first)
    return Case(task="classification", network=network, loss=loss)


@pytest.mark.parametrize(
    ("times", "first", "confidence"),
    [
        (3.0, 1.5, None),
        (3.0, 2.5, 0.8),
        (3.0, 6.0, 0.95),
        (2.0, 40.0, None),
        (6.0, 1.0, 0.8),
        (6.0, 6.0, 0.95),
    ],
)
def test_a_wide_start_shows_in_weights_and_first_loss(
    times: float, first: float, confidence: float | None
) -> None:
    found = judged("bad_initialisation", begun(times, first))
    assert (found and found.confidence) == confidence


def test_without_a_loss_the_size_alone_counts() -> None:
    assert judged("bad_initialisation", begun(3.0, None)) is None
    found = judged("bad_initialisation", begun(6.0, None))
    assert found is not None and "first loss" not in found.message


def test_what_a_guess_costs_must_be_known() -> None:
    assert np.isnan(beyond_chance(replace(LOSS, even=float("nan"))))
    assert np.isnan(beyond_chance(replace(LOSS, even=0.0, trivial=0.0)))


def penalised(skill: float, reference: float) -> Case:
    """A training whose loss is twice the plain one and whose weights shrank by half."""
    ten, none = np.ones(10), np.zeros((10, 0))
    signals = Signals(
        steps=np.arange(1.0, 11.0),
        losses=ten,
        probe_losses=0.5 * ten,
        weights=np.linspace(1.0, 0.5, 10)[:, None],
        gradients=none,
        updates=none,
        dead=none,
        saturated=none,
        along=ten,
        stale=ten,
    )
    return Case(signals=signals, standing=Standing(0.4, 1.0, explained=skill, reference=reference))


def test_a_penalty_does_harm_where_a_simple_model_gets_further() -> None:
    assert judged("over_regularised", penalised(0.85, 0.87)) is None
    assert judged("over_regularised", penalised(0.85, float("nan"))) is None
    behind = penalised(0.85, 0.92)
    found = judged("over_regularised", behind)
    assert found is not None
    assert gated([found], behind)[0].severity == "warning"
