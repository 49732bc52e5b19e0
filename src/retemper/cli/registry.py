"""``retemper registry``: versions of models, which is in force, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retemper.cli.options import Json, ModelPath, Quiet
from retemper.cli.output import print_json, print_table, score_text, write
from retemper.core.errors import InputError

if TYPE_CHECKING:
    from retemper.core.version_records import Change, Life, Version
    from retemper.retraining.registry.interface import Registry

Place = Annotated[
    str | None,
    typer.Option(
        "--registry", metavar="FOLDER|URL", help="else what RETEMPER_REGISTRY says, else the folder registry/"
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="letters, digits, '-', '_' and '.'")]
OptionalName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="one model and its versions; all models without")
]
Promoted = Annotated[
    str, typer.Argument(metavar="NAME@VERSION", help="the version that is to come into force")
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="words to remember the version by")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="why, for the history")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE.html", help="a page of NAME's life: scores, versions, who was in force"
    ),
]


def app() -> typer.Typer:
    """The four verbs below ``retemper registry``."""
    own = typer.Typer(rich_markup_mode=None, add_completion=False, help=command.__doc__)
    own.callback(invoke_without_command=True, add_help_option=False)(command)
    verbs: dict[str, Callable[..., None]] = {
        "list": list_,
        "add": add,
        "promote": promote,
        "rollback": rollback,
    }
    for name, verb in verbs.items():
        own.command(name)(verb)
    return own


def command(
    context: typer.Context,
    wants_help: bool = typer.Option(False, "--help", help="Show this message and exit."),
) -> None:
    """Versions of models: NAME stands for the one in force, NAME@3 for version 3, wherever a command takes a MODEL."""
    if wants_help or context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def list_(
    name: OptionalName = None, out: Out = None, place: Place = None, json: Json = False, quiet: Quiet = False
) -> None:
    """Show the models, or the versions of one: scores, lineage, which is in force."""
    from retemper.api.registry import document, page, registry

    known = registry(place)
    if out is not None and name is None:
        raise InputError(
            "missing_argument",
            "A page shows the life of one model, and none is named.",
            {"option": "--out"},
            "retemper registry list NAME --out FILE.html",
        )
    names = known.names() if name is None else [name]
    written = page(known, name, out) if out is not None and name is not None else None
    if json:
        print_json(document(known, names) | ({} if written is None else {"page": str(written)}))
    elif written is not None:
        write(f"{written}\n" if quiet else f"Page: {written}\n")
    elif name is not None:
        _print_life(known.life(name), quiet)
    else:
        _print_all(known, names, quiet)


def add(
    name: Name,
    model: ModelPath,
    note: Note = "",
    place: Place = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Add MODEL as the next version of NAME.

    A name's first version comes into force; later ones wait for `promote`.
    """
    from retemper.api.registry import located, registry
    from retemper.retraining.registry.reference import could_be

    if not could_be(name) and could_be(str(model)):
        raise InputError(
            "bad_name",
            f"A model can't be called {name!r}.",
            {"name": name},
            f"The name comes first: retemper registry add {model} {name}",
        )
    known = registry(place)
    version = known.add(name, located(model, place), note=note)
    in_force = known.life(name).in_force == version.number
    if json:
        from retemper.core.records import to_json

        print_json({"name": name, "version": version.number, "in_force": in_force} | to_json(version.lineage))
    elif quiet:
        write(f"{name}@{version.number}\n")
    else:
        write(added_text(name, version, in_force))


def added_text(name: str, version: Version, in_force: bool) -> str:
    """What a person is told of a new version."""
    now = "in force" if in_force else f"put it into force: retemper registry promote {name}@{version.number}"
    return f"Added: {name}@{version.number} ({now})\n"


def promote(
    version: Promoted, reason: Reason = "", place: Place = None, json: Json = False, quiet: Quiet = False
) -> None:
    """Put a version into force, in one atomic step."""
    from retemper.api.registry import registry
    from retemper.retraining.registry.reference import parse

    name, number = parse(version)
    if number is None:
        raise InputError(
            "missing_argument",
            f"Nothing says which version of {name!r} is to come into force.",
            {"model": version},
            f"retemper registry promote {name}@VERSION",
        )
    _print_change(name, registry(place).promote(name, number, reason=reason), json, quiet)


def rollback(
    name: Name, reason: Reason = "", place: Place = None, json: Json = False, quiet: Quiet = False
) -> None:
    """Bring back the version that was in force before.

    A second rollback undoes the first; for a version further back, promote it.
    """
    from retemper.api.registry import registry

    _print_change(name, registry(place).rollback(name, reason), json, quiet)


def _print_change(name: str, change: Change, json: bool, quiet: bool) -> None:
    if json:
        from retemper.core.records import to_json

        print_json({"name": name, **to_json(change)})
    elif quiet:
        write(f"{name}@{change.version}\n")
    else:
        instead = f" instead of version {change.before}" if change.before else ""
        write(f"In force: {name}@{change.version}{instead}, since {day(change.at)} UTC\n")


def _print_all(known: Registry, names: list[str], quiet: bool) -> None:
    rows = []
    for name in names:
        life = known.life(name)
        own = next((version for version in life.versions if version.number == life.in_force), None)
        since = day(life.changes[-1].at) if life.changes else ""
        score, in_force = _score(own), life.in_force or "none"
        rows.append((name, str(in_force), since, str(len(life.numbers)), *score))
    if rows:
        columns = ("model", "in force", "since", "versions", "metric", "test, 95 % interval")
        print_table("" if quiet else f"Registry {known.place}", columns, rows)
    elif not quiet:
        write(f"The registry {known.place} holds no model yet. Add one: retemper registry add NAME RUN\n")


def _print_life(life: Life, quiet: bool) -> None:
    rows: list[tuple[str, ...]] = [
        (
            str(version.number),
            "in force" if version.number == life.in_force else "",
            day(version.added),
            *_score(version),
            str(version.lineage.parent or ""),
            str((version.lineage.decision or {}).get("strategy", "")),
            version.lineage.note,
        )
        for version in life.versions
    ]
    rows += [(str(number), "damaged", *[""] * 6) for number in life.damaged]
    columns = ("version", "", "added", "metric", "test, 95 % interval", "parent", "strategy", "note")
    print_table("" if quiet else life.name, columns, rows)


def day(when: str) -> str:
    """A moment to the minute.

    >>> day("2026-07-14T10:15:30+00:00")
    '2026-07-14 10:15'
    """
    return when[:16].replace("T", " ")


def _score(version: Version | None) -> tuple[str, str]:
    """A version's main metric: its name and its value."""
    from retemper.report.words import MAIN

    metrics: Any = version.lineage.metrics if version else {}
    name = MAIN.get(version.lineage.task, "") if version else ""
    return (name, score_text(metrics[name])) if name in metrics else ("", "")
