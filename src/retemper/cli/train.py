"""``retemper train``: the whole procedure, or a killed run resumed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retemper.cli.options import Json, Quiet, Seed, Target
from retemper.cli.output import print_json, print_table, score_text, write
from retemper.cli.recipe_index import as_help
from retemper.core.budget import process_started
from retemper.core.errors import InputError

if TYPE_CHECKING:
    from retemper.api.train import Run
    from retemper.core.progress import ConsoleReporter, SilentReporter

STARTED = process_started()  # the time limit runs from here


def _option(name: str, metavar: str, text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=text)


OptionalData = Annotated[
    Path | None,
    typer.Argument(metavar="DATA", help=".csv, .csv.gz, .parquet, .npz, or a folder of CSV or Parquet parts"),
]
Weight = Annotated[str | None, _option("--weight", "COL", "column of sample weights, 0 or more")]
Group = Annotated[str | None, _option("--group", "COL", "rows of one group stay in one split")]
Time = Annotated[
    str | None, _option("--time", "COL", "split in the order of this column, the newest rows last")
]
Out = Annotated[Path | None, _option("--out", "RUN", "the run's folder; else runs/<date>-<time>-<name>")]
TimeLimit = Annotated[
    str | None, _option("--time-limit", "TIME", "for everything, report included: 90s, 5m, 1h30m")
]
Preset = Annotated[str | None, _option("--preset", "NAME", "quick, standard (the default) or thorough")]
RecipeFile = Annotated[Path | None, _option("--recipe", "FILE", "YAML; beats the preset")]
Settings = Annotated[
    list[str] | None,
    _option("--set", "a.b=c", "one option of the recipe, below; beats --recipe; can be repeated"),
]
TestFile = Annotated[Path | None, _option("--test", "FILE", "the test rows, in a file of their own")]
NoClean = Annotated[bool, typer.Option("--no-clean", help="leave every column and row as it is")]
Replay = Annotated[
    Path | None,
    _option("--replay", "LOG", "repeat the decisions in another run's log.jsonl; no clock is read"),
]
Register = Annotated[
    str | None, _option("--register", "NAME", "add the model to the registry under this name")
]
KeepOld = Annotated[
    str | None,
    _option(
        "--keep-old", "N|none", "raw rows that the model keeps for retraining; without it none, only counts"
    ),
]
Resume = Annotated[Path | None, _option("--resume", "RUN", "go on with a stopped or killed run")]


def command(  # Typer reads the options from the signature: this is the record of them
    data: OptionalData = None,
    target: Target = None,
    weight: Weight = None,
    group: Group = None,
    time: Time = None,
    out: Out = None,
    time_limit: TimeLimit = None,
    preset: Preset = None,
    recipe: RecipeFile = None,
    settings: Settings = None,
    test: TestFile = None,
    no_clean: NoClean = False,
    replay: Replay = None,
    register: Register = None,
    keep_old: KeepOld = None,
    resume: Resume = None,
    seed: Seed = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train on DATA by the book: a model and a report.

    Every step shows its verdict as it happens; RUN then holds the model, the report and the evidence.
    """
    given: dict[str, Any] = {
        "weight": weight,
        "group": group,
        "time": time,
        "out": out,
        "time_limit": time_limit,
        "preset": preset,
        "recipe": recipe,
        "set": settings,
        "test": test,
        "clean": False if no_clean else None,
        "replay": replay,
        "register": register,
        "keep_old": keep_old,
        "seed": seed,
    }
    options = {name: value for name, value in given.items() if value not in (None, [])}
    if resume is None and data is None:
        raise InputError(
            "missing_argument", "There is no DATA to train on.", None, "retemper train DATA --target COL"
        )
    if resume is not None and (data or target or options):
        raise InputError(
            "conflicting_options",
            "A resumed run has its data and its options already; give nothing beside --resume.",
            {"option": "--resume"},
            f"retemper train --resume {resume}",
        )
    reporter = reporter_for(json, quiet)
    try:
        run = _train(data, target, options, reporter) if resume is None else _resume(resume, reporter)
    finally:
        reporter.close()
    if json:
        print_json(run.result)
    else:
        print_run(run, quiet)


def epilog() -> str:
    """The recipe's options, for the end of the help."""
    return as_help()


def _train(data: Path | None, target: str | None, options: dict[str, Any], reporter: Any) -> Run:
    from retemper.api.train import train
    from retemper.core.recipe import parse_setting

    if "set" in options:
        options["set"] = dict(parse_setting(text) for text in options["set"])
    return train(data, target, reporter=reporter, started=STARTED, **options)


def _resume(run: Path, reporter: Any) -> Run:
    from retemper.api.train import resume

    return resume(run, reporter, STARTED, "train")


def reporter_for(json: bool, quiet: bool) -> ConsoleReporter | SilentReporter:
    from retemper.core.progress import ConsoleReporter, SilentReporter

    if quiet:
        return SilentReporter()
    return ConsoleReporter(sys.stderr if json else sys.stdout)


def print_run(run: Run, quiet: bool) -> None:
    """The test metrics beside the baselines', and where the report is."""
    page = run.folder / "report.html"
    if quiet:
        write(f"{run.folder}\n")
        return
    names = list(run.result["baselines"])
    rows = [
        (metric, score_text(score), *(_cell(run.result["baselines"][name], metric) for name in names))
        for metric, score in run.result["metrics"]["test"].items()
    ]
    title = f"\nTest, {run.result['rows']['test']} rows, 95 % intervals"
    print_table(title, ("metric", "network", *(name.replace("_", " ") for name in names)), rows)
    write(f"\nModel:  {run.folder / run.result['model']}\nReport: {page}\n")
    if run.registered is not None:
        write(f"Registered: {run.registered}\n")


def _cell(scores: dict[str, Any], metric: str) -> str:
    return score_text(scores[metric]) if metric in scores else ""
