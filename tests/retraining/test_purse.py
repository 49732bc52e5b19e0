"""What a retraining may spend, and which strategies it may spend it on."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.api.retrain_inputs import before_of
from retemper.core.budget import Budget, now
from retemper.core.progress import SilentReporter
from retemper.retraining import before as module
from retemper.retraining import race
from retemper.retraining.options import RetrainOptions
from retemper.retraining.past import OldRows, Past
from retemper.retraining.stacks import places_to_serve

from .made import champion, ground_of, table


def purse(parts: int, new: pl.DataFrame | None = None, **options: Any) -> tuple[race.Purse, int]:
    """The purse, and how many networks are trained."""
    rows = table("classes", 120, 2) if new is None else new
    own = before_of(
        champion("classes", parts), rows, table("classes", 160, 5), RetrainOptions(workers=1, **options)
    )
    ground = own.ground()
    found = own.purse(ground, Budget(None, now()), 1, SilentReporter())
    return found, len(places_to_serve(ground, max(ground.count, parts), 1.0))


def strange(rows: int = 120) -> pl.DataFrame:
    """Rows of a class that the champion does not know, and of one that it does."""
    return table("classes", rows, 2).with_columns(
        y=pl.when(pl.col("p") > 0).then(pl.lit("new")).otherwise("y")
    )


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_by_its_name_a_strategy_pays_for_each_network_the_whole(
    parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST_WORK", 0.0)
    found, networks = purse(parts, strategy="replay")
    # From scratch is what all networks that serve would take.
    assert found.work / networks == pytest.approx(found.scratch / parts)


@pytest.mark.parametrize("new", [strange(), table("classes", 120, 2, turned=True)])
def test_new_classes_and_a_world_that_turned_are_a_new_task(
    new: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST_WORK", 0.0)
    found, networks = purse(1, new)
    assert found.work == pytest.approx(networks * found.scratch)


@pytest.mark.parametrize("strategy", ["auto", "replay"])
def test_a_quarter_for_auto_and_a_budget_that_is_named_holds(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST_WORK", 0.0)
    found, _ = purse(1)
    assert found.work == pytest.approx(0.25 * found.scratch)
    found, _ = purse(1, strange(), budget=0.5, strategy=strategy)
    assert found.work == pytest.approx(0.5 * found.scratch)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("given", ["der_plus_plus", "from_scratch", "replay", "warm_start"]),
        ("kept", ["der_plus_plus", "replay", "warm_start"]),
    ],
)
def test_where_new_classes_come_or_nothing_changes_old_rows_are_met_too(
    source: Any, names: list[str]
) -> None:
    rows = table("classes", 160, 5)
    past = Past.dealt(OldRows(rows, seen=np.arange(160) < 80, source=source), 0)
    own = before_of(champion("classes"), strange(), rows, RetrainOptions(workers=1))
    ground = replace(own.ground(), past=past)
    assert sorted(race.plans(ground)[0]) == names
    # Whoever names a strategy gets it.
    named = replace(ground, options=RetrainOptions(strategy="fine_tune"))
    assert list(race.plans(named)[0]) == ["fine_tune"]
    grows = replace(ground_of("classes"), past=past)
    assert {"fine_tune", "new_head"} <= set(race.plans(grows)[0])
    assert sorted(race.plans(replace(grows, same_world=True))[0]) == sorted([*names, "recalibrate"])
