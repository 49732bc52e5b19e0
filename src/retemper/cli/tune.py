"""``retemper tune``: a search alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from retemper.cli.options import Json, Quiet, Seed, Target
from retemper.cli.output import print_json
from retemper.cli.train import (
    STARTED,
    Out,
    RecipeFile,
    Replay,
    Settings,
    TestFile,
    TimeLimit,
    print_run,
    reporter_for,
)

Data = Annotated[
    Path, typer.Argument(metavar="DATA", help=".csv, .csv.gz, .parquet, .npz, or a folder of parts")
]
SpaceFile = Annotated[
    Path, typer.Option("--space", metavar="FILE", help="YAML: option → list of values, or range")
]
Sampler = Annotated[str | None, typer.Option("--sampler", metavar="NAME", help="grid, random or bayes, …")]
Trials = Annotated[int | None, typer.Option("--trials", metavar="N", help="settings that are tried at most")]
Engine = Annotated[str | None, typer.Option("--engine", metavar="NAME", help="stack, processes or ray")]
Address = Annotated[
    str | None, typer.Option("--address", metavar="A", help="the Ray cluster: host:6379, or ray://host:10001")
]
Folds = Annotated[int | None, typer.Option("--folds", metavar="K", help="parts that judge in turn; 0: none")]

WarmStart = Annotated[
    Path | None,
    typer.Option("--warm-start", metavar="RUN", help="an earlier search to begin from, if its ranking holds"),
]


def command(
    data: Data,
    space: SpaceFile,
    target: Target = None,
    sampler: Sampler = None,
    trials: Trials = None,
    folds: Folds = None,
    warm_start: WarmStart = None,
    engine: Engine = None,
    address: Address = None,
    out: Out = None,
    time_limit: TimeLimit = None,
    recipe: RecipeFile = None,
    settings: Settings = None,
    test: TestFile = None,
    replay: Replay = None,
    seed: Seed = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search a space of the recipe's options on DATA; the best trial's networks become the model."""
    given: dict[str, Any] = {
        "sampler": sampler,
        "trials": trials,
        "folds": folds,
        "warm_start": warm_start,
        "engine": engine,
        "address": address,
        "out": out,
        "time_limit": time_limit,
        "recipe": recipe,
        "set": settings,
        "test": test,
        "replay": replay,
        "seed": seed,
    }
    options = {name: value for name, value in given.items() if value not in (None, [])}
    from retemper.api.tune import tune
    from retemper.core.recipe import parse_setting

    if "set" in options:
        options["set"] = dict(parse_setting(text) for text in options["set"])
    reporter = reporter_for(json, quiet)
    try:
        run = tune(data, target, space, reporter=reporter, started=STARTED, **options)
    finally:
        reporter.close()
    if json:
        print_json(run.result)
    else:
        print_run(run, quiet)
