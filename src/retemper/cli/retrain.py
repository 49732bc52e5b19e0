"""``retemper retrain``: drift, harm, the cheapest cure, and the gate; with --watch, for each new file of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retemper.cli import watched
from retemper.cli.options import Json, ModelPath, Quiet, Seed
from retemper.cli.output import print_json, print_table, score_text, write
from retemper.cli.train import reporter_for
from retemper.core.budget import process_started
from retemper.core.errors import InputError

if TYPE_CHECKING:
    from retemper.api.retrain import Retrained
    from retemper.api.watch_folder import Passed

STARTED = process_started()


def _option(name: str, metavar: str, text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=text)


New = Annotated[
    Path | None,
    typer.Argument(metavar="NEW", help="new rows; without the target's column they only show drift and harm"),
]
Old = Annotated[
    Path | None, _option("--old", "OLD", "labelled rows from before; else those that the bundle kept")
]
Out = Annotated[Path | None, _option("--out", "RUN", "the run's folder; else runs/<date>-<time>-<name>")]
Strategy = Annotated[
    str | None,
    _option("--strategy", "NAME", "auto (the default): those that make sense race; or one by name"),
]
GateKind = Annotated[
    str | None,
    _option(
        "--gate", "KIND", "standard (the default); strict: old rows count even where the concept drifted"
    ),
]
TimeLimit = Annotated[
    str | None,
    _option("--time-limit", "TIME", "for everything (with --watch: for each file), report included: 90s, 5m"),
]
Spend = Annotated[
    float | None,
    _option("--budget", "X", "multiply-adds, as a share of training from scratch on all rows; 0.25 for auto"),
]
KeepOld = Annotated[
    str | None,
    _option("--keep-old", "N", "rows that the new bundle keeps, or none; else as many as the old one kept"),
]
IfDrifted = Annotated[bool, typer.Option("--if-drifted", help="train only where drift or harm is seen")]
WatchFolder = Annotated[
    Path | None,
    _option(
        "--watch", "FOLDER", "instead of NEW: each new file of a folder, once, in order; RUN stays the same"
    ),
]
Every = Annotated[
    str | None,
    _option("--every", "TIME", "with --watch: look again after so long, until stopped; else one look"),
]
Key = Annotated[
    str | None,
    _option("--key", "COL", "with --watch: names a row, for labels that come in files of their own"),
]
Settings = Annotated[
    list[str] | None,
    _option("--set", "a=b", "a further option: folds, alpha, margin_points, metric, slices; can be repeated"),
]


def command(
    model: ModelPath,
    new: New = None,
    old: Old = None,
    out: Out = None,
    strategy: Strategy = None,
    gate: GateKind = None,
    time_limit: TimeLimit = None,
    budget: Spend = None,
    keep_old: KeepOld = None,
    if_drifted: IfDrifted = False,
    watch: WatchFolder = None,
    every: Every = None,
    key: Key = None,
    settings: Settings = None,
    seed: Seed = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Retrain MODEL on NEW, and replace it only where the new model is proved better.

    RUN holds decision.json, a report, and model/: the challenger when promoted, else the champion. With --watch it
    holds them for each file below batches/, and the same command, given again, goes on where it was.
    """
    _refuse_mixed(new, watch, every, key, json)
    given: dict[str, Any] = {
        "old": old,
        "out": out,
        "strategy": strategy,
        "gate": gate,
        "time_limit": time_limit,
        "budget": budget,
        "keep_old": keep_old,
        "seed": seed,
    }
    options = {name: value for name, value in given.items() if value is not None}
    reporter = reporter_for(json, quiet)
    options |= {"if_drifted": if_drifted, "reporter": reporter, "set": _parsed(settings or [])}
    try:
        if watch is not None:
            told = None if every is None else lambda passed: watched.print_passed(passed, quiet)
            passed = _watch(model, watch, options | {"every": every, "key": key, "told": told})
        else:
            found = _retrain(model, new, options)
    finally:
        reporter.close()
    if watch is not None:
        watched.leave(passed, json, quiet)
    elif json:
        print_json(found.decision)
    else:
        _print(found, quiet)


def _refuse_mixed(
    new: Path | None, watch: Path | None, every: str | None, key: str | None, json: bool
) -> None:
    """Options that don't go together."""
    if (new is None) == (watch is None):
        message = (
            "Give NEW rows or a folder to watch, not both."
            if watch
            else "There are no NEW rows to retrain on."
        )
        hint = "retemper retrain MODEL NEW, or retemper retrain NAME --watch FOLDER"
        raise InputError("missing_argument" if watch is None else "bad_option", message, None, hint)
    for name, value in (("every", every), ("key", key)):
        if value is not None and watch is None:
            message = f"--{name} says how a folder is watched, but none is."
            raise InputError("bad_option", message, {"option": name}, "Add --watch FOLDER, or leave it out.")
    if every is not None and json:
        message = "--json prints one document, but with --every there is no last one."
        raise InputError("bad_option", message, {"option": "every"}, "Leave one of them out.")


def _parsed(settings: list[str]) -> dict[str, Any]:
    from retemper.core.recipe import parse_setting

    return dict(parse_setting(text) for text in settings)


def _retrain(model: Path, new: Path | None, options: dict[str, Any]) -> Retrained:
    from retemper.api.retrain import retrain

    return retrain(model, new, **options, started=STARTED)


def _watch(model: Path, folder: Path, options: dict[str, Any]) -> Passed:
    from retemper.api.watch_folder import retrain_folder

    return retrain_folder(model, folder, **options)


def _print(found: Retrained, quiet: bool) -> None:
    decision = found.decision
    verdict = "promoted" if found.promoted else "kept"
    write(
        f"{'The challenger is ' if found.promoted else 'The champion is '}{verdict}: {decision['gate']['reason']}\n"
    )
    if quiet:
        return
    write("".join(f"{own['severity']}: {own['message']}\n" for own in decision["findings"]))
    metric = decision["harm"]["metric"]
    rows = [
        (
            own["strategy"],
            score_text(own["new"][metric]) if own["new"] else "",
            score_text(own["old"][metric]) if own["old"] else "",
            f"{own['cost']:.1%}",
            own["note"],
        )
        for own in decision["candidates"]
    ]
    if rows:
        print_table(f"\n{metric}, 95 % intervals", ("strategy", "new rows", "old rows", "cost", ""), rows)
    write(f"\nModel:  {found.folder / 'model'}\nReport: {found.folder / 'report.html'}\n")
