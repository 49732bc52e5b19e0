"""The recipe: every option of a run, typed, checked, and written out whole.

The tree stands here; its leaves (a model's or an optimizer's options) are declared by their families and found
by name when needed. Search and remedies edit dotted paths: ``training.optimizer.learning_rate``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError

from retemper.core import catalogue
from retemper.core.errors import InputError, nearest
from retemper.core.options import Options
from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import (
    DEFAULTS,
    DataOptions,
    DecisionOptions,
    KeepOptions,
    ModelChoice,
    ProcedureOptions,
    SearchOptions,
    SplitOptions,
    TrainingOptions,
)
from retemper.core.tune_options import TuneOptions


class Recipe(Options):
    """Every option of a run."""

    seed: int = Field(0, ge=0)
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    workers: int = Field(
        0, ge=0, description="processes that train; 0: one a core. Does not change the result"
    )
    data: DataOptions = DataOptions()
    split: SplitOptions = SplitOptions()
    prepare: PrepareOptions = PrepareOptions()
    model: ModelChoice = Field("mlp", json_schema_extra={"search": ["mlp", "residual_mlp", "tabm"]})  # type: ignore[assignment]  # a name, parsed
    training: TrainingOptions = Field(default_factory=TrainingOptions)
    search: SearchOptions = Field(default_factory=SearchOptions)
    tune: TuneOptions = Field(default_factory=TuneOptions)
    decision: DecisionOptions = DecisionOptions()
    procedure: ProcedureOptions = ProcedureOptions()
    keep: KeepOptions = KeepOptions()

    def to_yaml(self) -> str:
        """The recipe with every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)

    def with_changes(self, changes: Mapping[str, Any]) -> Recipe:
        """A checked copy with dotted paths changed.

        >>> Recipe().with_changes({"training.batch_size": "64"}).training.batch_size
        64
        """
        return build(self.model_dump(mode="json"), changes)

    def get(self, path: str) -> Any:
        """The value at a dotted path."""
        value: Any = self.model_dump(mode="json")
        for key in path.split("."):
            value = value[key]
        return value


def build(*layers: Mapping[str, Any]) -> Recipe:
    """One recipe from layers, later ones first in rank: preset, then the recipe file, then ``--set``.

    A layer is a nested mapping, which stays as it is; its keys may be dotted, at any level. Naming another entry of
    a family (``optimizer: sgd``) drops the options of the one before. ``optimizer.sgd.learning_rate`` is an option of
    that entry alone, which must be the one that is named.

    Raises:
        InputError: all mistakes at once, each with its path and the nearest right spelling.
    """
    tree: dict[str, Any] = {}
    for layer in layers:
        if not isinstance(layer, Mapping):
            message = f"Options are a mapping of dotted paths to values, but got {layer!r}."
            raise InputError("bad_recipe", message, None, "Write {'training.epochs': 30}.")
        _merge(tree, _for_entries(_undotted(layer), tree))
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise _as_input_error(error, tree) from None


MALFORMED = (
    yaml.YAMLError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What PyYAML ends in: its own errors, and those of the values that a tag asks for (``2026-02-30``, ``!!int x``)."""


def load(text: str, file: str) -> dict[str, Any]:
    """The mapping in a recipe file.

    Raises:
        InputError: the text is not YAML or not a mapping.
    """
    try:
        tree = yaml.safe_load(text)
    except MALFORMED as error:
        mark = getattr(error, "problem_mark", None)
        where = {"file": file, **({"line": mark.line + 1} if mark else {})}
        raise InputError("bad_recipe", "The recipe is not valid YAML.", where, "Mend the line.") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        hint = "Write `name: value` lines."
        raise InputError("bad_recipe", "The recipe must be a mapping of options.", {"file": file}, hint)
    return tree


def parse_setting(text: str) -> tuple[str, Any]:
    """``"training.batch_size=64"`` as path and value (the value as YAML; the field's type parses the rest)."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise InputError(
            "bad_setting",
            f"--set needs path=value, but got {text!r}.",
            "--set",
            "Write --set training.epochs=30.",
        )
    try:
        return path.strip(), yaml.safe_load(value)
    except MALFORMED:
        return path.strip(), value


def _undotted(layer: Mapping[Any, Any], path: str = "") -> dict[str, Any]:
    """New dicts, a level for each dot; the names in an open option are the data's, and their dots stay."""
    tree: dict[str, Any] = {}
    for key, value in layer.items():
        *parents, leaf = str(key).split(".")
        own = f"{path}{key}"
        if own in CHOICES and isinstance(value, str):
            value = {"name": value}
        if isinstance(value, Mapping):
            value = deepcopy(dict(value)) if own in OPEN else _undotted(value, f"{own}.")
        branch = {leaf: value}
        for parent in reversed(parents):
            branch = {parent: branch}
        # The order of one layer's lines means nothing: a name drops no option that stands beside it.
        _merge(tree, branch, path, replace=False)
    return tree


def _for_entries(layer: dict[str, Any], tree: Mapping[str, Any]) -> dict[str, Any]:
    """The layer with the options that are meant for an entry alone beside its name, where that entry is named."""
    for path, family in CHOICES.items():
        own, before = _at(layer, path), _at(tree, path)
        name = own.get("name", before.get("name", DEFAULTS[family]))
        if isinstance(name, str) and isinstance(own.get(name), Mapping):
            own |= own.pop(name)
    return layer


def _at(tree: Any, path: str) -> dict[str, Any]:
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def _merge(tree: dict[str, Any], layer: Mapping[str, Any], path: str = "", replace: bool = True) -> None:
    for key, value in layer.items():
        own = f"{path}{key}"
        if own in CHOICES and isinstance(value, str):
            value = {"name": value}
        old = tree.get(key)
        if (
            isinstance(old, dict)
            and isinstance(value, Mapping)
            and not (replace and _replaces(own, old, value))
        ):
            _merge(old, value, f"{own}.", replace)
        else:
            tree[key] = value


def _replaces(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if path in OPEN:
        return not new or path == "tune.space"
    return path in CHOICES and new.get("name", old.get("name")) != old.get("name")


OPEN = ("data.kinds", "decision.costs", "tune.space")
"""Options whose keys are not the recipe's own; layers add to them (but a space is one), an empty one clears them."""
CHOICES = {
    "model": "model",
    "training.loss": "loss",
    "training.optimizer": "optimizer",
    "training.schedule": "schedule",
    "training.initialiser": "initialiser",
    "tune.sampler": "sampler",
    "tune.fidelity": "fidelity",
}


def _as_input_error(error: ValidationError, tree: Mapping[str, Any]) -> InputError:
    lines = [_sentence(".".join(map(str, e["loc"])), e, tree) for e in error.errors(include_url=False)]
    where = ", ".join(".".join(map(str, e["loc"])) or "recipe" for e in error.errors(include_url=False))
    return InputError(
        "bad_recipe",
        f"The recipe has {len(lines)} mistake{'s' * (len(lines) != 1)}: " + "; ".join(lines),
        {"option": where},
        "Mend each of them; `retemper train --help` lists the options.",
    )


def _sentence(path: str, error: Any, tree: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        parent, _, word = path.rpartition(".")
        return f"{path}: no such option, {nearest(word, _fields_at(parent, tree))}"
    got = "" if isinstance(error.get("input"), (dict, BaseModel)) else f", but got {error.get('input')!r}"
    return f"{path}: {error['msg'].removeprefix('Value error, ')}{got}"


def _fields_at(path: str, tree: Mapping[str, Any]) -> list[str]:
    """The names of the options below a dotted path; below a choice, those of the entry that ``tree`` names."""
    if path in CHOICES:
        given: Any = tree
        for key in path.split("."):
            given = given[key]
        family = CHOICES[path]
        return list(catalogue.options_class(family, given.get("name", DEFAULTS[family])).model_fields)
    part: type[BaseModel] = Recipe
    for key in filter(None, path.split(".")):
        annotation = part.model_fields[key].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        part = annotation
    return list(part.model_fields)


def leaves(visit: Callable[[str, Any], None], part: type[BaseModel] = Recipe, path: str = "") -> None:
    """Call ``visit(dotted path, pydantic field)`` for every option of the tree, family choices included."""
    for name, field in part.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and path + name not in CHOICES:
            leaves(visit, inner, f"{path}{name}.")
        else:
            visit(path + name, field)


def literal_values(annotation: Any) -> list[str]:
    """The words a Literal option takes; empty for other types."""
    return [str(v) for v in get_args(annotation)] if get_origin(annotation) is Literal else []
