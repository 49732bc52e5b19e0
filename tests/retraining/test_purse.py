"""What a retraining may spend, and which strategies it may spend it on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.api.retrain import retrain
from retemper.api.retrain_inputs import before_of
from retemper.core.budget import Budget, now
from retemper.core.progress import SilentReporter
from retemper.retraining import race
from retemper.retraining.entrants import plans
from retemper.retraining.folds import NEVER
from retemper.retraining.ground import Ground
from retemper.retraining.options import STRANGE_SHARE, RetrainOptions
from retemper.retraining.past import OldRows, Past
from retemper.retraining.places import places_to_serve
from retemper.retraining.stacks import work_of

from .made import champion, ground_of, table


def purse(parts: int, new: pl.DataFrame | None = None, **options: Any) -> tuple[race.Purse, Ground]:
    """The purse, and for what."""
    rows = table("classes", 120, 2) if new is None else new
    own = before_of(
        champion("classes", parts), rows, table("classes", 160, 5), RetrainOptions(workers=1, **options)
    )
    ground = own.ground()
    return own.purse(ground, Budget(None, now()), 1, SilentReporter()), ground


def strange(rows: int = 120) -> pl.DataFrame:
    """Rows of a class that the champion does not know, and of one that it does."""
    return table("classes", rows, 2).with_columns(
        y=pl.when(pl.col("p") > 0).then(pl.lit("new")).otherwise("y")
    )


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_by_its_name_a_strategy_pays_for_each_network_the_whole(parts: int) -> None:
    found, own = purse(parts, strategy="replay")
    assert found.work == found.scratch
    # What one network took is known: 20 passes over all rows that may be trained on.
    one = work_of(own.grown, own.grown.parts[0], 20.0 * (own.fold != NEVER).sum())
    networks = len(places_to_serve(own, max(own.count, parts), 1.0))
    assert found.scratch == pytest.approx(networks * one)


@pytest.mark.parametrize(
    ("new", "share"), [(strange(), 1.0), (table("classes", 120, 2, turned=True), STRANGE_SHARE)]
)
def test_new_classes_are_paid_in_full_and_a_world_that_turned_by_half(
    new: pl.DataFrame, share: float
) -> None:
    found, ground = purse(1, new)
    assert found.work == share * found.scratch and ground.means.new_task


@pytest.mark.parametrize("strategy", ["auto", "replay"])
def test_a_quarter_for_auto_and_a_budget_that_is_named_holds(strategy: str) -> None:
    found, _ = purse(1)
    assert found.work == pytest.approx(0.25 * found.scratch)
    found, _ = purse(1, strange(), budget=0.5, strategy=strategy)
    assert found.work == pytest.approx(0.5 * found.scratch)


def test_what_a_promoted_model_remembers_leaves_the_judges_out(tmp_path: Path) -> None:
    model, new, old = champion("classes"), table("classes", 200, 2, turned=True), table("classes", 200, 5)
    run = retrain(model, new, old=old, out=tmp_path / "run", set={"workers": 1})
    memory = run.model.memory
    assert run.promoted and memory is not None and memory.work is not None
    from_scratch = run.decision["compute"]["from_scratch"]
    assert memory.work.multiply_adds == pytest.approx(from_scratch / 6)


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
    past = Past.of(OldRows(rows, seen=np.arange(160) < 80, source=source), 0)
    own = before_of(champion("classes"), strange(), rows, RetrainOptions(workers=1))
    ground = replace(own.ground(), past=past)
    assert sorted(plans(ground)[0]) == names
    # Whoever names a strategy gets it.
    named = replace(ground, options=RetrainOptions(strategy="fine_tune"))
    assert list(plans(named)[0]) == ["fine_tune"]
    grows = replace(ground_of("classes"), past=past)
    assert {"fine_tune", "new_head"} <= set(plans(grows)[0])
    assert sorted(plans(replace(grows, same_world=True))[0]) == sorted([*names, "recalibrate"])
