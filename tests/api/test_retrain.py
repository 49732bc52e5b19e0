"""``retemper.retrain``: what holds whatever the rows, the strategy and the outcome."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import numpy as np
import polars as pl
import pytest
import torch

import retemper
from retemper.bundle.model import Model
from retemper.core import catalogue
from retemper.core.errors import InputError, Interrupted
from retemper.evaluation.costs import Costs
from retemper.evaluation.threshold import Threshold
from retemper.retraining import sequence

SCHEMA = json.loads((Path(__file__).parents[1] / "contract" / "decision.schema.json").read_text())
TASKS = ("classes", "one output", "numbers")
STRATEGIES = [name for name in catalogue.names("strategy") if name != "new_search"]


def retrained(model: Any, new: Any, place: Path, **settings: Any) -> retemper.Retrained:
    """A retraining in one process, whose RUN is looked at."""
    own = {"workers": 1, **settings.pop("set", {})}
    run = retemper.retrain(model, new, out=place / "run", set=own, **settings)
    decision = json.loads((run.folder / "decision.json").read_text())
    jsonschema.validate(decision, SCHEMA)
    assert decision == run.decision
    assert (run.folder / "report.html").stat().st_size > 2000
    assert decision["promoted"] == (decision["gate"]["verdict"] == "promote") == run.promoted
    assert sum(1 for _ in run.folder.glob("**/*.tmp")) == 0
    assert all(any(path.iterdir()) for path in run.folder.rglob("*") if path.is_dir())
    if isinstance(new, pl.DataFrame):
        assert np.isfinite(run.model.outputs(new)).all()
    return run


def same(one: Model, other: Model) -> bool:
    """Whether the weights agree to the bit."""
    pairs = zip(one.parts, other.parts, strict=True)
    return len(one.parts) == len(other.parts) and all(torch.equal(a.row, b.row) for a, b in pairs)


@pytest.mark.parametrize("target", TASKS)
def test_a_world_that_turned_is_learnt(made: ModuleType, tmp_path: Path, target: str) -> None:
    champion, new = made.champion(target, 2), made.table(target, 240, 2, turned=True)
    run = retrained(champion, new, tmp_path, old=made.table(target, 240, 5))
    assert run.promoted and run.decision["harm"]["verdict"] == "harm"
    later = made.table(target, 300, 9, turned=True)
    metric = run.decision["harm"]["metric"]
    was, now = (
        retemper.evaluate(own, later)["metrics"]["test"][metric].value for own in (champion, run.model)
    )
    assert now < was
    # What it promised of new rows is what it keeps, as far as some hundred rows tell.
    told = run.decision["candidates"][-1]
    assert told["note"] == "the challenger" and told["strategy"] == run.decision["strategy"]
    assert told["new"][metric]["value"] == pytest.approx(now, rel=0.4)
    assert len(run.model.parts) <= max(2, 5)


@pytest.mark.parametrize("target", TASKS)
def test_the_champion_stays_to_the_bit(made: ModuleType, tmp_path: Path, target: str) -> None:
    champion, new = made.champion(target, 2), made.table(target, 100, 3)
    run = retrained(champion, new, tmp_path, old=made.table(target, 100, 5), strategy="new_head")
    assert not run.promoted and run.decision["challenger"] == "run/challenger"
    assert same(run.model, champion)
    np.testing.assert_array_equal(run.model.outputs(new), champion.outputs(new))
    challenger = retemper.load(run.folder / "challenger")
    assert not same(challenger, champion)


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_strategy_by_its_name(made: ModuleType, tmp_path: Path, name: str) -> None:
    new, old = made.table("classes", 100, 2, turned=True), made.table("classes", 160, 5)
    run = retrained(made.champion("classes"), new, tmp_path, old=old, strategy=name)
    assert run.decision["strategy"] == name
    assert {own["strategy"] for own in run.decision["candidates"]} == ({name} - {"nothing"})
    assert run.promoted or name == "nothing"
    if name == "nothing":
        assert same(run.model, made.champion("classes"))


def test_the_same_seed_makes_the_same_bits_whatever_the_workers(made: ModuleType, tmp_path: Path) -> None:
    champion, new = made.champion("classes", 2), made.table("classes", 120, 2, turned=True)
    runs = [
        retrained(
            champion, new, tmp_path / str(k), old=made.table("classes", 160, 5), seed=seed, set={"workers": w}
        )
        for k, (seed, w) in enumerate([(3, 1), (3, 2), (4, 1)])
    ]
    first, again, other = (run.decision["candidates"] for run in runs)
    assert same(runs[0].model, runs[1].model) and not same(runs[0].model, runs[2].model)
    assert [own["new"] for own in first] == [own["new"] for own in again] != [own["new"] for own in other]
    assert runs[0].decision["gate"] == runs[1].decision["gate"]


def test_without_labels_drift_and_estimated_harm_are_told(made: ModuleType, tmp_path: Path) -> None:
    champion, new = made.champion("classes"), made.table("classes", 200, 2).drop("y")
    far = new.with_columns(pl.col("p") + 4)
    run = retrained(champion, far, tmp_path, old=made.table("classes", 300, 5))
    assert run.decision["candidates"] == [] and not run.promoted
    assert run.decision["harm"]["estimated"] and run.decision["drift"]["detected"]
    assert run.decision["challenger"] is None and same(run.model, champion)
    assert "no target" in run.decision["gate"]["reason"]


def test_rows_without_their_label_are_left_out_of_training(made: ModuleType, tmp_path: Path) -> None:
    new = made.table("classes", 200, 2, turned=True)
    half = new.with_columns(y=pl.when(pl.int_range(pl.len()) % 2 == 0).then("y"))
    run = retrained(made.champion("classes"), half, tmp_path, old=made.table("classes", 160, 5))
    rows = run.decision["rows"]
    assert (rows["new"], rows["labelled"]) == (200, 100) and run.decision["candidates"]


def test_too_few_rows_or_groups_keep_the_champion(made: ModuleType, tmp_path: Path) -> None:
    new = made.table("classes", 60, 2, turned=True)
    run = retrained(made.champion("classes"), new[:19], tmp_path / "rows", old=made.table("classes", 160, 5))
    assert "Only 19 rows with a label" in run.decision["gate"]["reason"]
    grouped = made.champion("classes", 1, data__group="g")
    run = retrained(grouped, new.with_columns(g=pl.int_range(pl.len()) % 2), tmp_path / "groups")
    assert "2 groups" in run.decision["gate"]["reason"] and not run.promoted


ROWS: dict[str, Any] = {
    "one class": lambda rows: rows.filter(pl.col("y") == "mid"),
    "a new class": lambda rows: rows.with_columns(
        y=pl.when(pl.col("p") > 0.7).then(pl.lit("new")).otherwise("y")
    ),
    "only a new class": lambda rows: rows.with_columns(y=pl.lit("new")),
    "new levels": lambda rows: rows.with_columns(kind=pl.lit("elsewhere")),
    "gaps": lambda rows: rows.with_columns(
        p=pl.lit(None, pl.Float64), q=pl.when(pl.col("q") > 0).then(float("nan"))
    ),
    "a new column": lambda rows: rows.with_columns(more=pl.int_range(pl.len()) * 1.0),
}


@pytest.mark.parametrize("case", ROWS)
@pytest.mark.parametrize("with_old", [True, False])
def test_rows_of_every_kind(made: ModuleType, tmp_path: Path, case: str, with_old: bool) -> None:
    new = ROWS[case](made.table("classes", 200, 2, turned=True))
    old = {"old": made.table("classes", 160, 5)} if with_old else {}
    run = retrained(made.champion("classes"), new, tmp_path, **old)
    assert run.decision["candidates"]
    if "new class" in case and run.promoted:
        assert "new" in run.model.classes and "new" in run.model.predict(new)
    if case == "only a new class" and with_old:
        assert set(run.model.classes) == {"low", "mid", "top", "new"} or not run.promoted


VALUES: dict[str, Any] = {
    "constant": pl.lit(3.0),
    "not numbers": pl.when(pl.int_range(pl.len()) % 5 == 0).then(float("nan")).otherwise("y"),
    "one far away": pl.when(pl.int_range(pl.len()) == 5).then(1e30).otherwise("y"),
}


@pytest.mark.parametrize("case", VALUES)
def test_targets_of_every_kind(made: ModuleType, tmp_path: Path, case: str) -> None:
    new = made.table("numbers", 150, 2, turned=True).with_columns(y=VALUES[case])
    for memory in ("known", "none"):
        model = made.champion("numbers")
        model = model if memory == "known" else replace(model, memory=None)
        run = retrained(model, new, tmp_path / memory, old=made.table("numbers", 160, 5))
        assert run.decision["candidates"]
        source = run.decision["old_rows"]
        assert source == {"source": "given", "known": "unseen" if memory == "known" else "unknown"}


def test_a_logarithm_a_threshold_and_costs_stay(made: ModuleType, tmp_path: Path) -> None:
    log = made.champion("numbers", 1, prepare__target="log")
    run = retrained(
        log,
        made.table("numbers", 150, 2, True),
        tmp_path / "log",
        strategy="warm_start",
        old=made.table("numbers", 160, 5),
    )
    assert run.promoted and run.model.target_codec.to_json() == log.target_codec.to_json()
    two = made.champion("one output")
    two = replace(two, decision=replace(two.decision, threshold=Threshold(1, 0.3)))
    new = made.table("one output", 150, 2, True)
    run = retrained(two, new, tmp_path / "two", old=made.table("one output", 160, 5))
    assert run.promoted and run.model.decision.threshold == Threshold(1, 0.3)
    three = new.with_columns(y=pl.when(pl.col("p") > 0.5).then(pl.lit("maybe")).otherwise("y"))
    run = retrained(two, three, tmp_path / "three", old=made.table("one output", 160, 5))
    assert run.promoted and run.model.decision.threshold is None
    dear = Costs(((0, 1, 5), (1, 0, 1), (9, 1, 0)))
    many = made.champion("classes")
    many = replace(many, decision=replace(many.decision, costs=dear))
    run = retrained(many, made.table("classes", 150, 2, True), tmp_path / "costs")
    assert run.promoted and run.model.decision.costs == dear


def test_weights(made: ModuleType, tmp_path: Path) -> None:
    model, rows = made.champion("classes", 1, data__weight="w"), made.table("classes", 150, 2, turned=True)
    some = rows.with_columns(w=(pl.int_range(pl.len()) < 60).cast(pl.Float64))
    # Rows of weight 0 are none: their labels and their cells say nothing.
    nonsense = some.with_columns(
        y=pl.when(pl.col("w") == 0).then(pl.lit("never")).otherwise("y"), p=pl.when(pl.col("w") > 0).then("p")
    )
    one, two = (
        retrained(model, own, tmp_path / str(k), old=made.table("classes", 160, 5))
        for k, own in enumerate((some, nonsense))
    )
    assert one.decision["rows"]["labelled"] == 60 and same(one.model, two.model)
    for bad, code in (
        (pl.lit(0.0), "bad_weight"),
        (pl.lit(-1.0), "bad_weight"),
        (pl.lit("x"), "not_a_number"),
    ):
        with pytest.raises(InputError) as caught:
            retrained(model, rows.with_columns(w=bad), tmp_path / "bad")
        assert caught.value.code == code


def test_rows_in_both_tables_are_new_ones(made: ModuleType, tmp_path: Path) -> None:
    new, old = made.table("classes", 120, 2, turned=True), made.table("classes", 160, 5)
    both = pl.concat([old, new[::-1]])
    runs = [
        retrained(made.champion("classes"), new, tmp_path / str(k), old=own)
        for k, own in enumerate((old, both))
    ]
    counts = [run.decision["rows"] for run in runs]
    assert counts[0] == counts[1] and same(runs[0].model, runs[1].model)
    alone = retrained(made.champion("classes"), new, tmp_path / "alone", old=new)
    assert alone.decision["rows"]["old_to_learn"] == alone.decision["rows"]["old_to_judge"] == 0


def test_rows_are_kept_as_far_as_they_may_be(made: ModuleType, tmp_path: Path) -> None:
    new, old = made.table("classes", 240, 2, turned=True), made.table("classes", 160, 5)
    first = retrained(made.champion("classes"), new, tmp_path / "1", old=old, keep_old=80)
    kept = first.model.memory.kept
    assert first.promoted and 0 < kept.frame.height <= 80 and kept.unseen.any()
    # What is called unseen was not trained on, and the filter knows the others.
    seen = first.model.memory.trained.seen(kept.frame, first.model.schema)
    assert seen[~kept.unseen].all() and not seen[kept.unseen].all()
    second = retrained(first.folder, made.table("classes", 120, 7), tmp_path / "2")
    assert second.decision["old_rows"] == {"source": "kept", "known": "unseen"}
    assert second.decision["rows"]["old_to_learn"] > 0 and second.decision["rows"]["old_to_judge"] > 0
    assert 0 < second.model.memory.kept.frame.height <= 80
    # The same file again: its rows, though kept, are new ones.
    again = retrained(first.folder, new, tmp_path / "3")
    rows = again.decision["rows"]
    in_new = kept.frame.join(new, on=["p", "q"], how="semi").height
    assert in_new and rows["old_to_learn"] + rows["old_to_judge"] == kept.frame.height - in_new
    none = retrained(first.folder, made.table("classes", 120, 7), tmp_path / "4", keep_old="none")
    assert none.model.memory.kept is None


def test_an_estimator_s_model_can_be_retrained(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 2))
    model = (
        retemper.NetClassifier(hidden_units=8, epochs=5, random_state=0)
        .fit(x, (x[:, 0] > 0).astype(int))
        .model_
    )
    assert model.memory is None
    new = pl.DataFrame({"x0": x[:, 0], "x1": x[:, 1], model.target: (x[:, 1] > 0).astype(int)})
    run = retrained(model, new, tmp_path)
    assert run.promoted and run.model.memory is not None and run.model.memory.kept is None


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "strategy": ({"strategy": "relpay"}, "unknown_strategy"),
    "metric": ({"set": {"metric": "rmse"}}, "unknown_metric"),
    "slice": ({"set": {"slices": ["no such column"]}}, "unknown_column"),
    "needs old rows": ({"strategy": "replay"}, "strategy_not_applicable"),
    "gate": ({"gate": "loose"}, "bad_retrain_option"),
    "option": ({"set": {"fold": 3}}, "bad_retrain_option"),
    "budget": ({"budget": -1}, "bad_retrain_option"),
    "name": ({"stratgy": "auto"}, "unknown_option"),
    "time": ({"time_limit": "soon"}, "bad_time"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_leaves_nothing_behind(made: ModuleType, tmp_path: Path, case: str) -> None:
    settings, code = MISTAKES[case]
    with pytest.raises(InputError) as caught:
        retrained(made.champion("classes"), made.table("classes", 60, 2), tmp_path, **settings)
    assert caught.value.code == code or case == "time"
    assert not (tmp_path / "run").exists()


def test_a_mistake_in_the_time_limit_is_told_before_anything_is_read() -> None:
    with pytest.raises(InputError) as caught:
        retemper.retrain("no/such/model", "no/such/file.csv", time_limit="soon")
    assert caught.value.code == "bad_time_limit"


@pytest.mark.parametrize("case", ["strategy", "metric", "slice"])
def test_a_mistake_is_told_though_nothing_can_be_trained(made: ModuleType, tmp_path: Path, case: str) -> None:
    settings, code = MISTAKES[case]
    with pytest.raises(InputError) as caught:
        retrained(made.champion("classes"), made.table("classes", 60, 2).drop("y"), tmp_path, **settings)
    assert caught.value.code == code


def test_whoever_stops_it_finds_nothing_half_written(
    made: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import signal

    def stopped(*given: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return real(*given)

    real = sequence.race.short_runs
    monkeypatch.setattr(sequence.race, "short_runs", stopped)
    with pytest.raises(Interrupted) as caught:
        retrained(made.champion("classes"), made.table("classes", 60, 2), tmp_path)
    assert caught.value.exit_code == 130 and "--resume" not in caught.value.hint + caught.value.message
    assert not (tmp_path / "run").exists()


def test_only_if_drifted(made: ModuleType, tmp_path: Path) -> None:
    old = made.table("classes", 200, 5)
    calm = retrained(
        made.champion("classes"), made.table("classes", 100, 6), tmp_path / "1", old=old, if_drifted=True
    )
    assert calm.decision["candidates"] == [] and "asked for only then" in calm.decision["gate"]["reason"]
    turned = made.table("classes", 200, 6, turned=True)
    assert retrained(made.champion("classes"), turned, tmp_path / "2", old=old, if_drifted=True).promoted


@pytest.mark.parametrize("budget", [0.2, 1.0])
def test_a_budget_that_is_named_holds(made: ModuleType, tmp_path: Path, budget: float) -> None:
    new, old = made.table("values", 200, 2, turned=True), made.table("values", 200, 5)
    run = retrained(made.champion("values"), new, tmp_path, old=old, budget=budget)
    compute = run.decision["compute"]
    assert 0 < compute["spent"] <= 1.1 * budget * compute["from_scratch"]
