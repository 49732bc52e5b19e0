"""``retemper tune``: a search alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retemper.cli.options import Json, Quiet, Seed, Target
from retemper.cli.output import print_json
from retemper.cli.search_table import print_search
from retemper.cli.train import (
    STARTED,
    OptionalData,
    Out,
    RecipeFile,
    Replay,
    Resume,
    Settings,
    TestFile,
    TimeLimit,
    print_run,
    reporter_for,
)
from retemper.core.errors import InputError

if TYPE_CHECKING:
    from retemper.api.train import Run

SpaceFile = Annotated[
    Path | None, typer.Option("--space", metavar="FILE", help="YAML: option → list of values, or range")
]
Sampler = Annotated[str | None, typer.Option("--sampler", metavar="NAME", help="grid, random or bayes, …")]
Trials = Annotated[int | None, typer.Option("--trials", metavar="N", help="settings that are tried at most")]
Engine = Annotated[str | None, typer.Option("--engine", metavar="NAME", help="stack, processes or ray")]
Address = Annotated[
    str | None, typer.Option("--address", metavar="A", help="the Ray cluster: host:6379, or ray://host:10001")
]
Folds = Annotated[int | None, typer.Option("--folds", metavar="K", help="parts that judge in turn; 0: none")]
Nested = Annotated[
    int | None,
    typer.Option("--nested", metavar="K", help="outer folds: search anew without each, judge by it; 0: none"),
]

WarmStart = Annotated[
    Path | None,
    typer.Option("--warm-start", metavar="RUN", help="an earlier search to begin from, if its ranking holds"),
]


Storage = Annotated[
    str | None,
    typer.Option("--storage", metavar="URL", help="database of the trials: postgresql://user@host/name"),
]


def command(
    data: OptionalData = None,
    space: SpaceFile = None,
    target: Target = None,
    sampler: Sampler = None,
    trials: Trials = None,
    folds: Folds = None,
    nested: Nested = None,
    warm_start: WarmStart = None,
    engine: Engine = None,
    address: Address = None,
    storage: Storage = None,
    out: Out = None,
    time_limit: TimeLimit = None,
    recipe: RecipeFile = None,
    settings: Settings = None,
    test: TestFile = None,
    replay: Replay = None,
    resume: Resume = None,
    seed: Seed = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search a space of the recipe's options on DATA; the best trial's networks become the model."""
    given: dict[str, Any] = {
        "sampler": sampler,
        "trials": trials,
        "folds": folds,
        "nested": nested,
        "warm_start": warm_start,
        "engine": engine,
        "address": address,
        "storage": storage,
        "out": out,
        "time_limit": time_limit,
        "recipe": recipe,
        "set": settings,
        "test": test,
        "replay": replay,
        "seed": seed,
    }
    options = {name: value for name, value in given.items() if value not in (None, [])}
    _check(resume, data, space, bool(target or set(options) - {"address"}))
    reporter = reporter_for(json, quiet)
    try:
        run = (
            _tune(data, target, space, options, reporter)
            if resume is None
            else _resume(resume, reporter, address)
        )
    finally:
        reporter.close()
    if json:
        print_json(run.result)
    else:
        if not quiet:
            print_search(run.result)
        print_run(run, quiet)


def _check(resume: Path | None, data: Path | None, space: Path | None, more: bool) -> None:
    """A search needs data and a space; a resumed one has them, and everything else.

    Raises:
        InputError: ``missing_argument`` or ``conflicting_options``.
    """
    if resume is not None and (data or space or more):
        raise InputError(
            "conflicting_options",
            "A resumed search has its data and its options already; only --address can be given anew.",
            {"option": "--resume"},
            f"retemper tune --resume {resume}",
        )
    if resume is None and (data is None or space is None):
        what = "DATA to train on" if data is None else "--space: nothing says what to search"
        message = f"There is no {what}."
        raise InputError("missing_argument", message, None, "retemper tune DATA --target COL --space FILE")


def _tune(
    data: Path | None, target: str | None, space: Path | None, options: dict[str, Any], reporter: Any
) -> Run:
    from retemper.api.tune import tune
    from retemper.core.recipe import parse_setting

    assert space is not None
    if "set" in options:
        options["set"] = dict(parse_setting(text) for text in options["set"])
    return tune(data, target, space, reporter=reporter, started=STARTED, **options)


def _resume(run: Path, reporter: Any, address: str | None) -> Run:
    from retemper.api.train import resume

    return resume(run, reporter, STARTED, "tune", address)
