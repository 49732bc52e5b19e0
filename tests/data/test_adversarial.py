"""Adversarial validation: silent on random splits, loud where the parts differ."""

import numpy as np
import pytest

from retemper.core.recipe_sections import DataOptions
from retemper.core.records import NotApplicable
from retemper.data.adversarial import parts_told_apart
from retemper.data.read import Table, read
from retemper.data.schema import infer

N = 1500
RANDOM = np.random.default_rng(0)
PART = (RANDOM.random(N) < 0.25).astype(np.int8)


def _table(shift: float = 0.0) -> Table:
    size = RANDOM.normal(size=N) + shift * PART
    job = RANDOM.choice(["clerk", "cook", "nurse"], N)
    return read({"day": np.arange(N) / 3, "size": size, "job": job, "y": RANDOM.integers(0, 2, N)})


@pytest.mark.parametrize("seed", range(5))
def test_silent_on_a_random_split(seed: int) -> None:
    table = _table()
    part = (np.random.default_rng(seed).random(N) < 0.25).astype(np.int8)
    assert parts_told_apart(table.frame, infer(table, DataOptions(target="y")), part) is None


def test_fires_on_another_distribution() -> None:
    table = _table(shift=1.0)
    found = parts_told_apart(table.frame, infer(table, DataOptions(target="y")), PART)
    assert (
        found is not None and found.severity == "warning" and next(iter(found.evidence["columns"])) == "size"
    )
    assert 0.6 < found.evidence["low"] < found.evidence["roc_auc"] < 0.9


def test_time_is_left_out_and_its_split_advises_only() -> None:
    part = (np.arange(N) > 0.8 * N).astype(np.int8)
    table = _table()
    schema = infer(table, DataOptions(target="y", time="day"))
    assert parts_told_apart(table.frame, schema, part) is None
    drift = read({**table.frame.to_dict(), "size": table.frame["size"] + part})
    found = parts_told_apart(drift.frame, schema, part)
    assert found is not None and found.severity == "advice"


def test_not_applicable() -> None:
    table = _table()
    schema = infer(table, DataOptions(target="y"))
    with pytest.raises(NotApplicable, match="not split"):
        parts_told_apart(table.frame, schema, None)
    with pytest.raises(NotApplicable, match="fewer than 50"):
        parts_told_apart(table.frame, schema, (np.arange(N) < 30).astype(np.int8))
    grouped = infer(table, DataOptions(target="y", group="job"))
    with pytest.raises(NotApplicable, match="group"):
        parts_told_apart(table.frame, grouped, PART)
