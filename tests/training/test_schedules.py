"""The schedules against PyTorch's own, step by step, with and without warm-up."""

import json
import math
import warnings
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.optim import SGD, Optimizer
from torch.optim import lr_scheduler as pytorch

from retemper.training import schedules
from retemper.training.schedules import OnPlateauState

SPE = 5  # steps per epoch
Make = Callable[[Optimizer, int], pytorch.LRScheduler]

CASES: list[tuple[schedules.Schedule, Make]] = [
    (schedules.Constant(), lambda o, n: pytorch.LambdaLR(o, lambda i: 1.0)),
    (schedules.Step(every_epochs=3, gamma=0.4), lambda o, n: pytorch.StepLR(o, 3 * SPE, 0.4)),
    (schedules.Exponential(gamma=0.9), lambda o, n: pytorch.ExponentialLR(o, 0.9 ** (1 / SPE))),
    (schedules.Linear(end_factor=0.1), lambda o, n: pytorch.LinearLR(o, 1.0, 0.1, n)),
    (schedules.Cosine(end_factor=0.05), lambda o, n: pytorch.CosineAnnealingLR(o, n, 0.05)),
    (
        schedules.InverseSquareRoot(timescale_epochs=2),
        lambda o, n: pytorch.LambdaLR(o, lambda i: math.sqrt(2 * SPE / (2 * SPE + i))),
    ),
    (
        schedules.OneCycle(rise_fraction=0.35, start_factor=0.1, end_factor=0.001),
        lambda o, n: pytorch.OneCycleLR(
            o, 1.0, n, pct_start=0.35, cycle_momentum=False, div_factor=10, final_div_factor=100
        ),
    ),
    (
        schedules.Cyclic(cycle_epochs=4, low_factor=0.2),
        lambda o, n: pytorch.CyclicLR(o, 0.2, 1.0, 2 * SPE, cycle_momentum=False),
    ),
    (
        schedules.Cyclic(cycle_epochs=4, low_factor=0.2, mode="halving"),
        lambda o, n: pytorch.CyclicLR(o, 0.2, 1.0, 2 * SPE, mode="triangular2", cycle_momentum=False),
    ),
]


def optimizer() -> SGD:
    return SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def rates(opt: Optimizer, scheduler: pytorch.LRScheduler, steps: int) -> list[float]:
    found = []
    for step in range(steps):
        found.append(opt.param_groups[0]["lr"])
        opt.step()
        if step + 1 < steps:
            scheduler.step()
    return found


# PyTorch's OneCycleLR has no defined rise in a single step.
@pytest.mark.parametrize(
    ("schedule", "make", "total"),
    [
        (*case, total)
        for case, total in product(CASES, [1, 7, 100])
        if total >= 5 or not isinstance(case[0], schedules.OneCycle)
    ],
    ids=lambda case: str(case) if isinstance(case, int) else type(case).__name__,
)
def test_equals_pytorch(schedule: schedules.Schedule, make: Make, total: int) -> None:
    opt = optimizer()
    expected = rates(opt, make(opt, total), total)
    np.testing.assert_allclose(schedule.factors(total, SPE), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("schedule", "make"),
    [case for case in CASES if not isinstance(case[0], schedules.OneCycle | schedules.Cyclic)],
    ids=lambda case: type(case).__name__,
)
def test_warm_up_equals_pytorchs_sequence(schedule: schedules.Schedule, make: Make) -> None:
    total, warm = 60, 12
    opt = optimizer()
    with warnings.catch_warnings():
        # SequentialLR calls its parts with an argument that PyTorch itself deprecates.
        warnings.simplefilter("ignore", UserWarning)
        rise = pytorch.LinearLR(opt, 1 / (warm + 1), 1.0, warm)
        scheduler = pytorch.SequentialLR(opt, [rise, make(opt, total - warm)], [warm])
        expected = rates(opt, scheduler, total)
    table = schedule.replaced(warmup_fraction=0.2).factors(total, SPE)
    np.testing.assert_allclose(table, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(schedules.ENTRIES))
@pytest.mark.parametrize("total", [1, 2, 3, 50])
@pytest.mark.parametrize("warm", [0.0, 0.3, 0.99])
def test_every_table_is_whole_and_bounded(name: str, total: int, warm: float) -> None:
    schedule = schedules.ENTRIES[name](warmup_fraction=warm)
    assert isinstance(schedule, schedules.Schedule)
    table = schedule.factors(total, 3)
    assert table.shape == (total,) and table.dtype == np.float64
    assert (table >= 0).all() and (table <= 1 + 1e-12).all() and table.max() > 0
    rise = schedule.warmup_steps(total)
    assert rise < total
    np.testing.assert_array_equal(table[rise:], schedule.replaced(warmup_fraction=0).factors(total - rise, 3))


def test_one_cycle_reaches_its_top_and_its_end() -> None:
    for total in (2, 3, 10, 333):
        table = schedules.OneCycle().factors(total, 1)
        assert table[-1] == pytest.approx(4e-6)
        assert table.max() == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("cooldown", [0, 2])
@pytest.mark.parametrize("patience", [0, 3])
def test_on_plateau_equals_pytorch(patience: int, cooldown: int) -> None:
    options = schedules.OnPlateau(
        gamma=0.5, patience_epochs=patience, threshold=0.01, cooldown_epochs=cooldown, end_factor=0.01
    )
    opt = optimizer()
    reference = pytorch.ReduceLROnPlateau(
        opt, factor=0.5, patience=patience, threshold=0.01, cooldown=cooldown, min_lr=0.01, eps=0
    )
    random = np.random.default_rng(0)
    losses = np.exp(-np.arange(80) / 20) + 0.05 * random.standard_normal(80) + 0.2
    losses[[10, 30]] = np.nan, np.inf
    state = OnPlateauState(options)
    for loss in losses:
        reference.step(loss)
        assert state.update(float(loss)) == pytest.approx(opt.param_groups[0]["lr"], rel=1e-12)
        state = OnPlateauState(options, **json.loads(json.dumps(state.to_json())))
    assert state.factor < 0.1
    assert options.factors(10, 5).tolist() == [1.0] * 10


def test_bad_counts_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match="total_steps >= 1"):
        schedules.Cosine().factors(0, 1)
    with pytest.raises(ValidationError):
        schedules.Cosine(warmup_fraction=1.0)
    with pytest.raises(ValidationError):
        schedules.Step(gamma=0)
