"""The whole story, from a raw table to a proven model. Start reading here.

Each step is one file of this package; it gives a verdict with its evidence and hands the state on. A run can be
killed at any moment: done again, it makes the same decisions (they are in the log) and finds its trainings on
the disk.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import torch

from retemper.core import catalogue, device, interrupt
from retemper.core.aside import Aside
from retemper.core.budget import Budget
from retemper.core.errors import InputError, nearest
from retemper.core.progress import Reporter
from retemper.core.recipe import Recipe
from retemper.core.records import Step, to_json
from retemper.core.run_folder import RunFolder
from retemper.data.read import Table
from retemper.data.rewritten import rewritten
from retemper.data.schema import infer
from retemper.data.split import split
from retemper.procedure import (
    baselines,
    calibrate,
    data_check,
    ensemble,
    goal,
    initial_loss,
    input_blind,
    learning_rate_range,
    nested,
    nested_search,
    overfit_sample,
    read_curves,
    remember,
    search_coarse,
    search_engine,
    search_refine,
    test_once,
    train_long,
    understand,
)
from retemper.procedure.book import Book, State
from retemper.procedure.pace import Pace
from retemper.procedure.search_steps import as_in_train
from retemper.procedure.single_rows import batch_size_for
from retemper.training.pool import Pool

Do = Callable[[Book, State], tuple[State, Step]]
STEPS: dict[str, Do] = {
    "data_check": data_check.run,  # what is in the table; fit the preparation on training rows
    "baselines": baselines.run,  # the marks to beat
    "initial_loss": initial_loss.run,  # is the start right?
    "overfit_sample": overfit_sample.run,  # can it learn at all?
    "input_blind": input_blind.run,  # does it use its inputs?
    "learning_rate_range": learning_rate_range.run,  # which rates learn?
    "search_coarse": search_coarse.run,  # many recipes, a short time
    "search_refine": search_refine.run,  # the better ones, longer
    "train_long": train_long.run,  # the best ones, in full
    "read_curves": read_curves.run,  # name the fault, one remedy, prove it
    "ensemble": ensemble.run,  # average what is trained, where it pays
    "calibrate": calibrate.run,  # make probabilities honest
    "test_once": test_once.run,  # break the seal
}
SEARCH_ALONE: dict[str, Do] = {
    "data_check": data_check.run,
    "baselines": baselines.run,
    "search": search_engine.run,  # every trial of the space, see tune in the recipe
    "calibrate": calibrate.run,
    "test_once": test_once.run,
}
"""The steps of ``tune``."""
LAST_BEFORE_TEST = "calibrate"
"""After it the model is chosen, and what it does is looked into, on rows that are not the test's."""
PROBABILITY_S, MOST_ENDING = 8e-7, 0.3
"""What a class's probability of a test row takes until the end, and the most of a limit that is kept for them all."""
ALWAYS = ("data_check", "baselines", "train_long", "ensemble", "test_once")
"""Steps that can't be left out: without them there is no model, or nobody can tell how good it is."""


def run(
    table: Table,
    recipe: Recipe,
    folder: RunFolder,
    budget: Budget,
    reporter: Reporter,
    own_test_rows: int = 0,
    search_alone: bool = False,
) -> dict[str, Any]:
    """Carry out the procedure.

    Args:
        table: all rows; the user's own test rows last.
        recipe: with ``data.target`` set.
        folder: where everything is written, report included.
        budget: the time limit, or none.
        reporter: told of every step.
        own_test_rows: how many rows at the table's end are the user's own test.
        search_alone: the steps of ``tune`` in place of those of ``train``.

    Returns:
        The content of result.json.

    Raises:
        InputError: the data or an option is at fault, or no network trained to a finite loss.
        Interrupted: stopped on request; the run can be resumed.
    """
    _check_names(recipe)
    began = time.perf_counter()
    workers = budget.decide("workers", lambda left: recipe.workers or device.cores())
    with Aside() as aside, Pool(folder.jobs, workers) as pool:
        pool.meanwhile = lambda: aside.do(_load_report)
        device.one_thread()
        schema = infer(table, recipe.data)
        table = rewritten(table, schema)
        goal.check(schema, recipe.decision)
        splits = split(table, schema, recipe.split, recipe.seed, own_test_rows)
        recipe = _sized(recipe, len(splits.train))
        pace = Pace(len(splits.train), len(splits.validation), max(1, len(schema.classes)))
        book = Book(folder, budget, reporter, pool, workers, pace, aside)
        state = before = State(recipe, table, schema, splits, own_test_rows)
        if search_alone:
            nested_search.check(state)
        steps: list[Step] = []
        understanding: dict[str, Any] = {}
        estimate: dict[str, Any] = {}
        order = SEARCH_ALONE if search_alone else STEPS
        budget.kept_s = ending_s(state, budget)
        if not search_alone:
            budget.kept_s += nested.set_aside_s(state, budget) + understand.set_aside_s(state, budget)
        for number, name in enumerate(order, start=1):
            if name == "train_long":
                nested.give_back(book, state)
            state, step = _step(book, state, order, number)
            steps.append(step)
            if name == "baselines":
                before = state
                budget.kept_s += nested_search.set_aside_s(state, budget) if search_alone else 0.0
            if name == LAST_BEFORE_TEST and search_alone and recipe.tune.nested:
                budget.kept_s = ending_s(state, budget)
                reporter.step_started("nested", number, len(order))
                estimate = nested_search.run(book, before, state)
            if name == LAST_BEFORE_TEST and state.chosen and not search_alone:
                # First what gives its own time back; the nested estimate may have what is left.
                understanding = understand.run(book, state) if recipe.procedure.understand else {}
                estimate = nested.run(book, state)
    if state.chosen:
        remember.remembering(test_once.model_of(state), state).save(folder.model)
    else:
        raise InputError(
            "no_model",
            "No network trained to a finite loss, so there is no model; the steps above say where it went wrong.",
            {"folder": str(folder.path)},
            "Look at the data check's findings (huge values, targets), or lower training.optimizer.learning_rate.",
        )
    seconds = budget.elapsed_s() if budget.limit_s else time.perf_counter() - began
    if search_alone:
        found = {step.name: step.evidence for step in steps}["search"]
        state, steps = (
            state.with_(search={**state.search, "evidence": found}),
            as_in_train(steps, tuple(STEPS)),
        )
    result = _result(state, steps, seconds) | {"understanding": to_json(understanding), "nested": estimate}
    folder.write_json("result.json", result)
    from retemper.report.write import write as write_report

    write_report(folder.path)
    return result


def _load_report() -> None:
    """What the end needs, while the workers train."""
    from retemper.report import ahead

    ahead.compiled()


def _step(book: Book, state: State, order: Mapping[str, Do], number: int) -> tuple[State, Step]:
    interrupt.check()
    name = list(order)[number - 1]
    book.reporter.step_started(name, number, len(order))
    began = time.perf_counter()
    if name in state.recipe.procedure.skip:
        step = Step(name, "skipped", "Left out, as the recipe says (procedure.skip).")
    else:
        state, step = order[name](book, state)
        if name == "data_check":
            book.pace.shape = state.ready[2].shape
    step = Step(step.name, step.verdict, step.message, step.evidence, time.perf_counter() - began)
    book.folder.log({"event": "step", "name": name, "verdict": step.verdict, "message": step.message})
    book.reporter.step_finished(step)
    return state, step


def ending_s(state: State, budget: Budget) -> float:
    """Seconds to keep for the calibration and the test of many classes, beyond what is kept of any limit."""
    if budget.limit_s is None:
        return 0.0
    return min(PROBABILITY_S * state.splits.n_test * len(state.schema.classes), MOST_ENDING * budget.limit_s)


def _check_names(recipe: Recipe) -> None:
    steps = [step for step in STEPS if step not in ALWAYS]
    named = [
        ("procedure.skip", recipe.procedure.skip, steps, "no step that can be left out"),
        ("search.challengers", recipe.search.challengers, catalogue.names("model"), "no model"),
    ]
    for option, given, known, what in named:
        for name in given:
            if name not in known:
                message = f"{option} names {name!r}, which is {what}."
                raise InputError("bad_recipe", message, {"option": option}, nearest(name, known).capitalize())


def _sized(recipe: Recipe, rows: int) -> Recipe:
    """The batch size by the number of rows, where the recipe leaves it open: rows / 40, between 32 and 256."""
    if recipe.training.batch_size:
        return recipe
    return recipe.with_changes({"training.batch_size": batch_size_for(rows)})


def _result(state: State, steps: list[Step], seconds: float) -> dict[str, Any]:
    result = {
        "schema": 1,
        "task": state.task,
        "target": state.recipe.data.target,
        "seed": state.recipe.seed,
        "seconds": seconds,
        "versions": {
            "retemper": version("retemper"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "rows": {
            "train": len(state.splits.train),
            "validation": len(state.splits.validation),
            "test": state.splits.n_test,
        },
        "metrics": state.test.get("metrics", {}),
        "baselines": state.test.get("baselines", {}),
        "steps": steps,
        "findings": state.findings,
        "search": state.search or _races(state),
        "recipe": state.recipe.model_dump(mode="json"),
        "model": "model",
    }
    plain: dict[str, Any] = to_json(result)
    return plain


def _races(state: State) -> dict[str, Any]:
    """What the procedure's own search tried."""
    best = state.trials[0] if state.trials else None
    return {
        "trials": len(state.trials),
        "sampler": "quasi-random (Sobol), successive halving",
        "best": {} if best is None else {**best.member.to_json(), "model": best.model},
    }
