"""What decision.json says of strategies that were tried."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from retemper.core.drift_records import Drift
from retemper.core.gate_records import Gate
from retemper.core.harm_records import Harm
from retemper.evaluation.metrics import metrics
from retemper.retraining.course import Course, Recalibration
from retemper.retraining.outcome import Outcome, tried
from retemper.retraining.past import Past
from retemper.retraining.race import Candidate, candidate_of
from retemper.retraining.recalibrated import recalibrated

from .made import TARGETS, champion, ground_of, past_of, table


def recalibration(ground: object) -> Candidate:
    return candidate_of(ground, "recalibrate", Recalibration(), recalibrated(ground))  # type: ignore[arg-type]


@pytest.mark.parametrize("target", TARGETS)
def test_scores_are_those_of_rows_that_its_networks_have_not_seen(target: str) -> None:
    ground = ground_of(target)
    candidate = recalibration(ground)
    found = tried(ground, candidate, 1e9, "the challenger")
    task = ground.grown.task
    for side, y, said in (
        (found.new, ground.y_new, candidate.trained.new),
        (found.old, ground.y_old, candidate.trained.old),
    ):
        assert side is not None
        for name, value in metrics(task, y, said).items():
            assert side[name].value == pytest.approx(value)
    main = "rmse" if target == "numbers" else "log_loss"
    before = metrics(task, ground.y_old, ground.said_old)[main]
    assert found.old is not None and found.forgetting is not None
    assert found.forgetting == pytest.approx(found.old[main].value - before)
    assert (found.strategy, found.note, found.cost, found.rate) == (
        "recalibrate",
        "the challenger",
        0.0,
        None,
    )


def test_the_cost_is_a_share_of_a_training_from_scratch() -> None:
    ground = ground_of("classes")
    own = recalibration(ground)
    dear = replace(own, plan=Course(rate=0.3), trained=replace(own.trained, work=2.5e8))
    found = tried(ground, dear, 1e9, "in full")
    assert found.cost == 0.25 and found.rate == 0.3


def test_without_old_rows_nothing_is_said_of_them() -> None:
    ground = ground_of("classes", past=Past.none(table("classes", 120, 2)))
    found = tried(ground, recalibration(ground), 1e9, "the challenger")
    assert found.old is None and found.forgetting is None


def test_weights_count() -> None:
    rows = table("numbers", 120, 2).with_columns(w=1.0 + 9.0 * (pl.int_range(pl.len()) < 30))
    past = past_of("numbers")
    heavy = replace(past, stands_for=np.linspace(1, 9, past.rows.height))
    ground = ground_of("numbers", rows, heavy, recipe={"data__weight": "w"})
    candidate = recalibration(ground)
    found = tried(ground, candidate, 1e9, "the challenger")
    error = np.average((ground.y_old - candidate.trained.old) ** 2, weights=heavy.weight) ** 0.5
    assert found.old is not None and found.old["rmse"].value == pytest.approx(error)
    new = np.average((ground.y_new - candidate.trained.new) ** 2, weights=rows["w"].to_numpy()) ** 0.5
    assert found.new["rmse"].value == pytest.approx(new)


def test_rows_of_a_group_vary_together() -> None:
    group = np.arange(120) // 12
    rows = table("classes", 120, 2).with_columns(g=pl.Series(group))
    grouped = ground_of("classes", rows, recipe={"data__group": "g"})
    own = recalibration(grouped)
    # Within a group all rows are called alike: rightly in half of the groups.
    right = np.eye(3)[np.where(group % 2 == 0, grouped.y_new, (grouped.y_new + 1) % 3)]
    candidate = replace(own, trained=replace(own.trained, new=0.9 * right + 0.1 / 3))
    alone = replace(grouped, champion=replace(grouped.champion, schema=champion("classes").schema))
    wide, narrow = (tried(ground, candidate, 1e9, "in full").new["accuracy"] for ground in (grouped, alone))
    assert wide.value == narrow.value == 0.5
    assert None not in (wide.low, wide.high, narrow.low, narrow.high)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)  # type: ignore[operator]


def test_the_document_joins_what_else_is_known_and_keeps_the_contract_s_keys() -> None:
    model = champion("classes")
    drift, gate = Drift(False, None, 0.05), Gate("keep", "Nothing was tried.", ())
    harm = Harm("log_loss", None, None, None, None, False, "cannot tell", "No old rows.", None, None)
    facts = {"drift": {"batch": 3}, "rows": {"new": 9}}
    outcome = Outcome(model, None, drift, harm, gate, facts=facts)
    told = outcome.to_json("shop@1", None)
    assert not outcome.promoted and told["promoted"] is False
    assert told["drift"]["batch"] == 3 and told["drift"]["alpha"] == 0.05 and told["rows"] == {"new": 9}
    assert (told["champion"], told["challenger"], told["strategy"]) == ("shop@1", None, "nothing")
    assert outcome.facts == facts, "what is told is not taken away from what is known"


def test_a_part_of_a_way_is_told() -> None:
    ground = ground_of("classes")
    plain = recalibration(ground)
    part = replace(plain, plan=Course(reach=0.75))
    assert tried(ground, part, 1e9, "the challenger").note == "the challenger, 75% of its way"
    assert tried(ground, plain, 1e9, "the challenger").note == "the challenger"
