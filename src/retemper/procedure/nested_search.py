"""Nested cross-validation of a search: what choosing as it chooses is worth on rows that had no say in it.

    for each outer fold:
        prepare the other rows, deal them out to folds, search: all as the run does, with the run's seed
        the best trial's networks → a model → its outputs for the fold
    all folds' outputs → every metric, with its interval

The best of many trials flatters itself; what comes out of a whole search without a fold, and is judged by the fold,
does not (Varma & Simon 2006). It is a little worse than the run's model, which learns from all rows. Where the folds
chose alike the choice is told by the data; where not, the settings hardly matter or the rows are too few.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retemper.core.budget import Budget
from retemper.core.errors import InputError
from retemper.core.records import to_json
from retemper.core.run_folder import disk_faults
from retemper.evaluation.metrics import main_metric, metrics
from retemper.procedure import calibrate, screen
from retemper.procedure.baselines import drawn
from retemper.procedure.book import Book, State
from retemper.procedure.choice_stability import Choice, sentence, stability
from retemper.procedure.cross_fitting import dealt
from retemper.procedure.nested_facts import Judged, figures_of, held_out_scores
from retemper.procedure.outer_folds import OuterRows, outer_rows, prepared_alone
from retemper.procedure.part import paced, part_of
from retemper.procedure.prepare import weights
from retemper.procedure.search import carried_out, chosen
from retemper.procedure.search_engine import opened
from retemper.procedure.test_once import SECONDS_A_CELL, model_of
from retemper.procedure.widening import sampler_of
from retemper.search.space_file import space_of
from retemper.training import sealed

NO_TIME = "the time left did not allow for it"


@dataclass(frozen=True)
class Outcome:
    """What came out of one outer fold: its judged rows, and what was chosen without them."""

    judged: Judged
    choice: Choice

    @property
    def tensors(self) -> dict[str, Tensor]:
        """As it lies on the disk, with :attr:`facts`."""
        called = self.judged.called
        own = {"judges": self.judged.judges, "outputs": self.judged.outputs}
        own |= {} if called is None else {"called": called}
        return {name: torch.from_numpy(array) for name, array in own.items()}

    @property
    def facts(self) -> dict[str, Any]:
        """Plain data."""
        judged = self.judged
        found = {"inner": judged.inner, "networks": judged.networks, "choice": asdict(self.choice)}
        plain: dict[str, Any] = to_json(found)
        return plain

    @classmethod
    def of(cls, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Outcome:
        """The way back."""
        own = {name: tensor.numpy() for name, tensor in tensors.items()}
        judged = Judged(own["judges"], own["outputs"], own.get("called"), facts["inner"], facts["networks"])
        return cls(judged, Choice(**facts["choice"]))


def check(state: State) -> None:
    """Refuse what can't be nested before anything is trained.

    Raises:
        InputError: ``nested_by_time``, ``too_few_rows`` or ``too_few_groups``.
    """
    tune, splits = state.recipe.tune, state.splits
    if not tune.nested:
        return
    where = {"option": "tune.nested"}
    if splits.method == "time":
        raise InputError(
            "nested_by_time",
            "The rows are split by time, and older rows can't be judged by networks of newer ones.",
            where,
            "Leave tune.nested at 0: the newest rows are the test.",
        )
    rows = np.concatenate([splits.train, splits.validation])
    name, group = "rows", state.schema.group
    units = len(rows)
    if group:
        name, units = "groups", state.table.frame[rows][group].n_unique()
    least = 2 * max(2, tune.folds)
    if units - -(-units // tune.nested) < least:
        raise InputError(
            f"too_few_{name}",
            f"{units} {name} besides the test are too few for {tune.nested} outer folds: "
            f"without one, at least {least} must be left to search on.",
            where,
            "Take fewer outer folds, or fewer folds (tune.folds).",
        )


def set_aside_s(state: State, budget: Budget) -> float:
    """Seconds to keep for it of what is left: the run's own search has the share of one of the outer folds."""
    count = state.recipe.tune.nested
    return max(0.0, budget.left_s()) * count / (count + 1) if budget.limited else 0.0


def run(book: Book, before: State, state: State) -> dict[str, Any]:
    """The nested estimate of a run's search, as ``tune.nested`` asks for it.

    Args:
        book: of the run.
        before: the state that the run's search began from; the folds' searches do, too, without their rows.
        state: the run's own choice is made.

    Returns:
        plain data as :func:`retemper.procedure.nested.run` gives, and ``trials``, of all folds; ``choices``, what each
        fold's search came to (see :class:`~retemper.procedure.choice_stability.Choice`); ``stability``, option → how
        far the folds agree; ``corrected``, the run's own figure corrected for having been chosen; or
        ``{"left_out": why}``.
    """
    count = before.recipe.tune.nested
    outers = outer_rows(before, count)
    found: list[Outcome] = []
    told = "" if outers else "no fold leaves rows of every class, or of another group, to learn from"
    part = part_of(book, "nested")
    with opened(part, before) as own:
        for place, outer in enumerate(outers):
            name = str(outer.fold)
            if not own.budget.decide(f"{name}.begun", lambda left: left > 0):
                told = NO_TIME
                break
            outcome = _kept(part_of(own, name, len(outers) - place), before, outer)
            if outcome is None:
                told = "the search without a fold found no network that trains"
                continue
            found.append(outcome)
            book.reporter.note(outcome.choice.sentence(main_metric(state.task), count))
    if not found:
        return {"left_out": told}
    facts = _facts(before, _affordable(part, state, found), found) | ({"cut_short": told} if told else {})
    plain: dict[str, Any] = to_json(facts)
    return plain


def _affordable(book: Book, state: State, found: list[Outcome]) -> State:
    """The state with as many resamples of the judged rows as the time allows."""
    wanted = state.recipe.procedure.bootstrap
    second = SECONDS_A_CELL * sum(own.judged.outputs.size for own in found)

    def fit_into(left: float) -> int:
        return wanted if math.isinf(left) else max(100, min(wanted, int(max(1.0, left / 2) / second)))

    resamples = book.budget.decide("resamples", fit_into)
    return state.with_(recipe=state.recipe.with_changes({"procedure.bootstrap": resamples}))


def _facts(before: State, state: State, found: list[Outcome]) -> dict[str, Any]:
    choices = [own.choice for own in found]
    steady = stability(state.search["best"], choices)
    facts = figures_of(state, [[own.judged for own in found]], before.recipe.tune.nested)
    facts["message"] += f" {sentence(steady)}" if steady else ""
    return facts | {
        "trials": sum(choice.trials for choice in choices),
        "choices": choices,
        "stability": steady,
        "corrected": state.search["optimism"],
        "not_nested": _not_nested(before),
    }


def _not_nested(before: State) -> list[str]:
    """What all rows had a say in, or only the run's own search had."""
    wide = len(before.schema.features()) > screen.WIDE_COLUMNS
    found = (
        ["that columns are chosen by the target"] if wide and before.recipe.prepare.select != "none" else []
    )
    if before.recipe.tune.warm_start:
        found.append(
            "the start from an earlier search, which has seen the folds' rows: the folds start without"
        )
    return found


def _kept(book: Book, before: State, outer: OuterRows) -> Outcome | None:
    """The outcome of a fold, from the disk where it is there; with it, its networks are needed no more."""
    place = book.folder.path / "judged.safetensors"
    kept = sealed.read(place)
    if kept is None:
        outcome = _searched(book, before, outer)
        if outcome is None:
            return None
        kept = outcome.facts, outcome.tensors
        with disk_faults(place):
            sealed.write(place, outcome.tensors, outcome.facts)
    for trained in (book.folder.jobs, book.folder.history, *book.folder.checkpoints.glob("arrays.*")):
        shutil.rmtree(trained, ignore_errors=True)
    return Outcome.of(*kept)


def _searched(book: Book, before: State, outer: OuterRows) -> Outcome | None:
    """Search without the fold, and ask what comes out about it; None: no network trained to a finite loss."""
    tune = before.recipe.tune
    own = prepared_alone(book, before, outer.splits, "own")
    space = space_of(tune.space, own.recipe)
    sampler = sampler_of(own.recipe, space)
    found = carried_out(paced(book, own), dealt(own, tune.folds), sampler, space)
    if not found.trials or not found.trials[0].sound:
        return None
    best = found.trials[0]
    own = chosen(found.state, found.evaluator, best)
    # A regression would choose the width of its intervals, which no figure asks for.
    if own.task == "classification":
        own, _ = calibrate.run(book, own)
    # Of millions of rows a sample says the same.
    judges = outer.judges[drawn(len(outer.judges), own.recipe.seed, "judges of an outer fold")]
    frame = own.table.frame[judges]
    outputs = model_of(own).outputs(frame)
    called = own.decision.codes(outputs) if own.task == "classification" else None
    name, target = main_metric(own.task), own.ready[1]
    true, weight = target.encode(frame[target.name]), weights(own.schema, frame)
    inner = held_out_scores(own)[name]
    choice = Choice(
        fold=outer.fold,
        rows=len(judges),
        values=dict(best.values),
        promised=inner,
        score=metrics(own.task, true, outputs, weight)[name],
        trials=len(found.trials),
        epochs=sum(each.trained_epochs for each in found.study.journal),
        out_of_time=found.study.out_of_time,
    )
    return Outcome(Judged(judges, outputs, called, inner, len(own.candidates)), choice)
