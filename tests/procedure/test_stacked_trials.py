"""Trials as stacks: whoever trains beside whom, each network has the bits it has alone."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retemper.core.budget import Budget
from retemper.procedure import stack_sizes
from retemper.procedure.cross_fitting import dealt
from retemper.procedure.paused_networks import PausedNetworks
from retemper.procedure.prepared_trials import PreparedTrials
from retemper.procedure.stacked_trials import StackedTrials
from retemper.search.space import Setting
from retemper.search.trials import Evaluation, Order
from retemper.training import self_timing
from retemper.training.carry_out import PAUSED

RATE = "training.optimizer.learning_rate"
EPOCHS = 3


class Desk:
    """A book and its state whose jobs go to a new folder for each evaluation, so that nothing is found done."""

    def __init__(self, bench: Any, frame: Any, tmp_path: Path) -> None:
        (self._bench, self.state), self._path, self._count = bench(frame), tmp_path, 0
        self.decisions: list[dict[str, Any]] = []
        self.budget = Budget(None, 0.0, log=self.decisions.append)

    def fresh(self) -> Any:
        self._count += 1
        run = self._path / str(self._count)
        for name in ("history", "checkpoints/jobs"):
            (run / name).mkdir(parents=True)
        self._bench.book.pool.folder = run / "checkpoints" / "jobs"
        return replace(self._bench.book, budget=self.budget)

    def evaluated(
        self, settings: Sequence[Setting], folds: int = 0, first: int = 0, recipe: Setting | None = None
    ) -> list[Evaluation]:
        held = tuple(range(folds)) or (-1,)
        state = dealt(self.state.with_(recipe=self.state.recipe.with_changes(recipe or {})), folds)
        orders = [Order(first + k, values, EPOCHS, held) for k, values in enumerate(settings)]
        found = StackedTrials(self.fresh(), state, EPOCHS, folds).evaluate(orders)
        return [own for batch in found for own in batch]

    @property
    def joined(self) -> list[bool]:
        """Whether widths were put together, each time that it was asked."""
        return [own["value"] for own in self.decisions if own["name"].startswith("stacks.widths.")]


@pytest.fixture(scope="module")
def desk(bench: Any, tables: Any, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(bench, tables.two_classes(200), tmp_path_factory.mktemp("jobs"))


@pytest.fixture
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the trainings are, stacks are timed; one of all widths is as fast as any other."""
    real = self_timing.timed
    monkeypatch.setattr(stack_sizes, "SHARE", 1e9)
    monkeypatch.setattr(stack_sizes, "timed", lambda *given: replace(real(*given), seconds=1.0))


@pytest.mark.parametrize(
    ("widths", "together"),
    [
        (([64, 32], [32, 64], [32, 32], [20, 60]), [True]),  # each layer is the widest of one of them
        (([16, 8], [8, 16]), []),  # of one stored size
        (([40], [8], [16]), None),  # filled up from an odd number of lanes: some machines add up otherwise
        (([512], [64]), []),  # wider than masks go
    ],
)
def test_whatever_the_widths_all_have_their_own_bits(
    desk: Desk, worth_it: None, widths: tuple[list[int], ...], together: list[bool] | None
) -> None:
    settings = [{"model.widths": own, "model.dropout": 0.2 * (k % 2)} for k, own in enumerate(widths)]
    desk.decisions.clear()
    found = desk.evaluated(settings)
    assert [own.error for own in found] == [None] * len(widths)
    assert together is None or desk.joined == together
    for number, values in enumerate(settings):
        (alone,) = desk.evaluated([values], first=number)
        assert alone.losses == found[number].losses, values


def mixed(number: int) -> Setting:
    """Settings of several shapes, optimizers and lengths of a schedule."""
    optimizers = ("adam", "nesterov", "adamw")
    return {
        RATE: 10 ** -(1.5 + number / 2),
        "model.width": (8, 16, 40)[number % 3],
        "training.optimizer.name": optimizers[number % 2],
        "model.dropout": 0.2 * (number % 2),
        "training.schedule.name": ("constant", "cosine")[number // 2 % 2],
    }


@pytest.mark.parametrize("folds", [0, 3])
def test_in_company_as_alone(desk: Desk, worth_it: None, folds: int) -> None:
    settings = [mixed(number) for number in range(6)]
    found = desk.evaluated(settings, folds)
    assert all(own.error is None and len(own.losses) == max(1, folds) for own in found)
    one_by_one = desk.evaluated(settings, folds, recipe={"tune.engine": "processes"})
    assert [own.losses for own in one_by_one] == [own.losses for own in found]
    assert [own.curves for own in one_by_one] == [own.curves for own in found]
    (alone,) = desk.evaluated(settings[5:], folds, first=5)
    assert alone.losses == found[5].losses


def test_who_diverges_is_told_and_the_others_keep_their_bits(desk: Desk) -> None:
    sgd = {"training.optimizer": "sgd"}
    settings = [{RATE: rate, "model.width": 16} for rate in (0.01, 1e20, 0.1)]
    first, lost, last = desk.evaluated(settings, 3, recipe=sgd)
    assert lost.error is not None and lost.error["code"] == "diverged" and not math.isfinite(lost.loss)
    for number, own in ((0, first), (2, last)):
        (alone,) = desk.evaluated([settings[number]], 3, first=number, recipe=sgd)
        assert alone.losses == own.losses and own.error is None


def test_a_rung_is_found_again_after_its_networks_went_on(desk: Desk) -> None:
    """Their folders are gone, but those that they went on to are there."""
    book = desk.fresh()
    trials = StackedTrials(book, dealt(desk.state, 2), EPOCHS, 2)
    orders = [Order(k, mixed(k), 1, (0, 1)) for k in range(2)]
    rung = [own for batch in trials.evaluate(orders) for own in batch]
    before = trials.outputs(rung)
    (went_on,) = trials.evaluate([replace(order, epochs=2) for order in orders])
    for own in rung:
        for place in own.places.values():
            shutil.rmtree(book.pool.folder / place, ignore_errors=True)
    again = trials.outputs(rung)
    assert all((own[fold] == was[fold]).all() for own, was in zip(again, before, strict=True) for fold in own)
    assert [own.losses for own in went_on] != [own.losses for own in rung]


def test_who_lost_the_state_it_paused_in_begins_anew_and_all_its_epochs_count(desk: Desk) -> None:
    book = desk.fresh()
    trials = StackedTrials(book, dealt(desk.state, 2), EPOCHS, 2)
    orders = [Order(k, {RATE: rate}, 1, (0, 1)) for k, rate in enumerate((0.01, 0.001))]
    (rung,), (other,) = (next(trials.evaluate([order])) for order in orders)
    for place in other.places.values():
        (book.pool.folder / place / PAUSED).unlink(missing_ok=True)
    (goes_on,), (anew,) = (
        next(trials.evaluate([replace(own.order, epochs=EPOCHS)])) for own in (rung, other)
    )
    assert goes_on.trained_epochs == 2 * (EPOCHS - 1)
    assert anew.trained_epochs == 2 * EPOCHS
    assert len(anew.curves[0]) == EPOCHS


def test_what_is_remembered_of_paused_networks_grows_with_the_disk_and_not_with_the_trials(
    desk: Desk,
) -> None:
    trials = StackedTrials(desk.fresh(), desk.state, EPOCHS, 0)
    trials._kept._most = trials._best._most = 2
    for number in range(6):
        (_,) = next(trials.evaluate([Order(number, {RATE: 10 ** -(1.5 + number / 4)}, 1, (-1,))]))
        assert len(trials._paused) == len(list(trials._kept.folder.glob(f"*/{PAUSED}"))) <= 4
    fresh = PausedNetworks(trials._kept.folder)
    fresh.add(Evaluation(Order(0, {}, 1, (-1,)), {-1: 0.5}, places={-1: "search.gone"}))
    assert len(fresh) == 0, "a resumed search hears of all trials, of which most have left the disk"


def test_networks_that_trained_in_full_go_on_from_nowhere(desk: Desk) -> None:
    trials = StackedTrials(desk.fresh(), desk.state, EPOCHS, 0)
    for epochs, remembered in ((1, 1), (EPOCHS, 0)):
        next(trials.evaluate([Order(0, {}, epochs, (-1,))]))
        assert len(trials._paused) == remembered


def test_the_curve_is_of_what_the_best_epoch_is_chosen_by(desk: Desk) -> None:
    """Plain losses rise as soon as a network grows too sure, while the loss that ranks it goes on to fall."""
    sure = {RATE: 0.1, "model.width": 32}
    calibrated, plain = (
        desk.evaluated([sure], 2, recipe={"training.judge": judge})[0] for judge in ("calibrated", "plain")
    )
    for own in (calibrated, plain):
        for fold, curve in own.curves.items():
            assert min(curve) == pytest.approx(own.losses[fold], rel=1e-4)
    assert calibrated.loss < plain.loss - 0.001, "else the two could be taken for each other"


def test_the_folders_of_all_preparations_are_counted_together(desk: Desk) -> None:
    book = desk.fresh()
    trials = PreparedTrials(book, desk.state, EPOCHS, 0)
    trials._kept._most = trials._best._most = 1
    settings = [{}, {"prepare.scaling": "zscore"}, {"prepare.scaling": "minmax"}]
    orders = [Order(k, values, EPOCHS, (-1,)) for k, values in enumerate(settings)]
    found = [own for batch in trials.evaluate(orders) for own in batch]
    (kept,) = {path.name for path in book.pool.folder.glob("search.*")}
    assert set(min(found, key=lambda own: own.loss).places.values()) == {kept}
    assert [own.keys() for own in trials.outputs(found)] == [{-1}] * 3, "the others are trained again"


def test_a_short_stack_is_cut_only_where_a_worker_has_nothing_to_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def jobs(*widths: int) -> int:
        settings = [{"model.width": own, RATE: rate} for own in widths for rate in (0.001, 0.01, 0.02)]
        orders = [Order(number, values, EPOCHS, (-1,)) for number, values in enumerate(settings)]
        trials = StackedTrials(replace(desk.fresh(), workers=2), desk.state, EPOCHS, 0)
        return len({place for own in next(trials.evaluate(orders)) for place in own.places.values()})

    assert jobs(8) == 2
    assert jobs(8, 24, 40) == 3
    monkeypatch.setattr(stack_sizes, "SHORT", 0)
    assert jobs(8, 24, 40) == 6


def test_a_stack_of_other_widths_is_another_job(desk: Desk, worth_it: None) -> None:
    """Else the folder that a journal names would be emptied for it."""
    book = desk.fresh()
    orders = [Order(k, {"model.width": width}, EPOCHS, (-1,)) for k, width in enumerate((64, 32, 20))]
    first = StackedTrials(book, desk.state, EPOCHS, 0)
    ((_, before, _),) = first.evaluate(orders)
    ((_, _),) = StackedTrials(book, desk.state, EPOCHS, 0).evaluate([orders[0], orders[2]])
    assert first.outputs([before])[0].keys() == {-1}
