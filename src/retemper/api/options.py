"""The options of a training and how they become one recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypedDict

from retemper.core.errors import InputError, nearest
from retemper.core.progress import Reporter
from retemper.core.recipe import Recipe, build, load

Preset = Literal["quick", "standard", "thorough"]
PRESETS = ("quick", "standard", "thorough")
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


class TrainOptions(TypedDict, total=False):
    """Everything about a training but the data and the target; all optional.

    Later ones win: ``preset``, then ``recipe``, then ``set``, then the options that have a name here.
    """

    weight: str | None
    """column of sample weights, 0 or more"""
    group: str | None
    """rows of one group stay in one split"""
    time: str | None
    """split in the order of this column, the newest rows last"""
    test: Any
    """the test rows, as another source of the same columns"""
    clean: bool
    """False: leave every column and row as it is"""
    preset: Preset
    """bounds of trials and steps; ``"standard"``"""
    recipe: Recipe | Mapping[str, Any] | str | Path | None
    """a recipe, its mapping, or its YAML file"""
    set: Mapping[str, Any]
    """dotted path → value: ``{"training.epochs": 30}``"""
    seed: int | None
    """fixes every random choice, 0 or more"""
    time_limit: str | float | None
    """for everything, report included: ``"5m"``, ``"1h30m"``, ``90`` (seconds)"""
    out: str | Path | None
    """the run's folder; None: ``runs/<date>-<time>-<name>``"""
    keep_old: int | str | None
    """raw rows that the model keeps for later retraining, a quarter of them never trained on; 0 or ``"none"``: none"""
    register: str | None
    """add the model to the registry under this name; see :func:`retemper.registry`"""
    replay: str | Path | None
    """the log.jsonl of another run: its decisions about time, without a clock"""
    reporter: Reporter
    """told of each step; silent without"""
    started: float
    """when the time limit began, by the monotonic clock (``time.monotonic()``); now"""


def refuse_unknown(given: Mapping[str, Any]) -> None:
    """Name the options that don't exist, each with its nearest right spelling.

    Raises:
        InputError: ``unknown_option``.
    """
    known = list(TrainOptions.__annotations__)
    wrong = [f"{name!r}, {nearest(name, known)}" for name in given if name not in known]
    if wrong:
        raise InputError(
            "unknown_option",
            f"train() has no option {'; '.join(wrong)}",
            {"option": ", ".join(name for name in given if name not in known)},
            "Mend the name; an option of the recipe goes into set={'path': value}.",
        )


def compose(target: str | None, options: TrainOptions) -> Recipe:
    """One recipe from preset, recipe, dotted settings and named options, in rising rank.

    >>> compose("y", {"preset": "quick", "set": {"training.epochs": 7}, "seed": 3}).training.epochs
    7

    Raises:
        InputError: all mistakes of the recipe at once.
    """
    named = {f"data.{key}": options.get(key) for key in ("weight", "group", "time")}
    named |= {
        "data.target": target,
        "seed": options.get("seed"),
        "keep.rows": rows_of(options.get("keep_old")),
    }
    if not options.get("clean", True):
        named["data.clean"] = False
    given = {path: value for path, value in named.items() if value is not None}
    return build(
        preset_layer(options.get("preset", "standard")),
        recipe_layer(options.get("recipe")),
        options.get("set", {}),
        given,
    )


def preset_layer(name: str) -> dict[str, Any]:
    """The layer of a preset.

    Raises:
        InputError: ``unknown_preset``.
    """
    if name not in PRESETS:
        raise InputError(
            "unknown_preset",
            f"There is no preset {name!r}, {nearest(name, list(PRESETS))}",
            {"option": "preset"},
            "Choose quick, standard or thorough.",
        )
    file = f"{name}.yaml"
    return load((files("retemper.api") / "presets" / file).read_text(encoding="utf-8"), file)


def recipe_layer(recipe: Recipe | Mapping[str, Any] | str | Path | None) -> Mapping[str, Any]:
    """The layer of a recipe given as a record, a mapping or a YAML file.

    Raises:
        InputError: ``no_such_file``, or the file is not a recipe.
    """
    if recipe is None:
        return {}
    if isinstance(recipe, Recipe):
        return recipe.model_dump(mode="json")
    if isinstance(recipe, Mapping):
        return recipe
    where = {"file": str(recipe)}
    try:
        text = Path(recipe).read_text(encoding="utf-8")
    except OSError as error:
        message = f"Can't read the recipe: {error.strerror}."
        raise InputError("no_such_file", message, where, "Name a YAML file.") from None
    except UnicodeDecodeError:
        raise InputError("bad_recipe", "The recipe is not UTF-8 text.", where, "Save it as UTF-8.") from None
    return load(text, str(recipe))


def rows_of(keep_old: int | str | None) -> int | None:
    """How many raw rows to keep; None: nothing was said.

    >>> rows_of("1000"), rows_of("none"), rows_of(None)
    (1000, 0, None)

    Raises:
        InputError: ``bad_option``: neither a whole number from 0 on nor ``none``.
    """
    if keep_old is None:
        return None
    text = str(keep_old).strip().lower()
    if text != "none" and not (text.isascii() and text.isdigit()):
        raise InputError(
            "bad_option",
            f"The rows to keep must be a whole number from 0 on, or none, but got {keep_old!r}.",
            {"option": "keep-old"},
            "Write 1000, or none.",
        )
    return 0 if text == "none" else int(text)


def seconds_of(limit: str | float | None) -> float | None:
    """A time limit in seconds.

    >>> seconds_of("1h30m"), seconds_of("90s"), seconds_of("60"), seconds_of(5), seconds_of(None)
    (5400.0, 90.0, 60.0, 5.0, None)

    Raises:
        InputError: ``bad_time_limit``: not a duration, or not above 0.
    """
    if limit is None:
        return None
    match = _DURATION.fullmatch(str(limit).replace(" ", "").lower())
    parts = match.groups() if match else ()
    seconds = sum(float(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=False) if part)
    if seconds <= 0:
        raise InputError(
            "bad_time_limit",
            f"A time limit must be a duration above 0, but got {limit!r}.",
            {"option": "time-limit"},
            "Write 90s, 5m, 1h30m, or a number of seconds.",
        )
    return seconds
