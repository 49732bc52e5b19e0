"""The recipe: every option of a run, typed, checked, and written out whole.

The tree stands here; its leaves (a model's or an optimizer's options) are declared by their families and found
by name when needed. Search and remedies edit dotted paths: ``training.optimizer.learning_rate``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, ValidationError, model_validator

from retemper.core import catalogue
from retemper.core.errors import InputError, nearest
from retemper.core.options import Options

ColumnKind = Literal["number", "category", "boolean", "datetime", "text", "identifier", "constant"]


class Chosen(Options):
    """A family entry by name with its options: ``{name: adamw, learning_rate: 1e-3}``."""

    family: str
    name: str
    options: Options

    def as_plain(self) -> dict[str, Any]:
        """The form in YAML: the name beside the options."""
        return {"name": self.name, **self.options.model_dump(mode="json")}


DEFAULTS = {"model": "mlp", "loss": "auto", "optimizer": "adamw", "schedule": "cosine", "initialiser": "he"}
"""Family → the entry that a recipe without a name means."""


def _tagged(family: str) -> BeforeValidator:
    """Parses a field that names an entry of ``family``, by name alone or with options."""

    def parse(value: Any) -> Chosen:
        if isinstance(value, Chosen):
            return value
        if not isinstance(value, (str, Mapping)):
            raise ValueError("must be a name, or a mapping with a name and options")
        given = {"name": value} if isinstance(value, str) else dict(value)
        name = given.pop("name", DEFAULTS[family])
        if not isinstance(name, str):
            raise ValueError(f"its name must be text, but got {name!r}")
        options = catalogue.options_class(family, name).model_validate(given)
        return Chosen.model_construct(family=family, name=name, options=options)

    return BeforeValidator(parse)


_PLAIN = PlainSerializer(Chosen.as_plain)
ModelChoice = Annotated[Chosen, _tagged("model"), _PLAIN]
LossChoice = Annotated[Chosen, _tagged("loss"), _PLAIN]
OptimizerChoice = Annotated[Chosen, _tagged("optimizer"), _PLAIN]
ScheduleChoice = Annotated[Chosen, _tagged("schedule"), _PLAIN]
InitialiserChoice = Annotated[Chosen, _tagged("initialiser"), _PLAIN]


class DataOptions(Options):
    """Which columns mean what."""

    target: str | None = Field(None, description="the column to predict")
    task: Literal["auto", "classification", "regression"] = Field("auto", description="auto: by the target")
    weight: str | None = Field(None, description="column of sample weights, 0 or more")
    group: str | None = Field(None, description="rows of one group stay in one split")
    time: str | None = Field(None, description="split in the order of this column, the newest rows last")
    kinds: dict[str, ColumnKind] = Field(default_factory=dict, description="column → kind, over the inferred")
    drop: list[str] = Field(default_factory=list, description="columns to leave out")
    clean: bool = Field(True, description="false: leave every column and row as it is")


class SplitOptions(Options):
    """How rows become train, validation and test."""

    method: Literal["auto", "random", "stratified", "group", "time"] = Field(
        "auto", description="auto: group or time when such a column is named, else stratified for classes"
    )
    validation: float = Field(0.15, gt=0, lt=1, description="share of rows for validation")
    test: float = Field(0.2, gt=0, lt=1, description="share of rows for the test")


class PrepareOptions(Options):
    """How columns become numbers; fitted on training rows alone."""

    scaling: Literal["robust", "zscore", "minmax", "quantile", "none"] = "robust"
    number_embedding: Literal["piecewise_linear", "none"] = Field(
        "piecewise_linear", description="thermometer code over bins, beside the scaled number"
    )
    bins: int = Field(48, ge=2, le=256, description="bins a number, cut over the distinct values")
    embedding_inputs: int = Field(512, ge=16, description="upper bound of numbers × bins; bins shrink to fit")
    one_hot_levels: int = Field(64, ge=0, description="more levels than this get a learned embedding")
    min_level_rows: int = Field(3, ge=1, description="rarer levels count as unknown")
    target_scaling: Literal["zscore", "minmax", "robust", "quantile", "none"] = Field(
        "zscore", description="of a regression target"
    )
    placeholders: Literal["keep", "missing"] = Field(
        "keep",
        description="missing: cells such as -999 or 'unknown' that stand for not known count as missing",
    )
    missing: Literal["indicator", "median", "mean", "constant", "iterative"] = Field(
        "indicator",
        description="what a missing number becomes; a column says so in any case, indicator: only that",
    )
    missing_constant: float = Field(0.0, description="for missing=constant, in the columns' own units")
    outliers: Literal["keep", "clip", "drop", "isolation_forest"] = Field(
        "keep", description="clip: cells to the distance; drop, isolation_forest: leave out training rows"
    )
    outlier_distance: float = Field(8.0, gt=0, description="robust z-score beyond which a cell is an outlier")
    outlier_share: float = Field(
        0.01, gt=0, le=0.5, description="training rows that isolation_forest leaves out"
    )
    constructed: list[Literal["log", "ratio", "product", "group_mean"]] = Field(
        default_factory=list,
        description="new numbers from old; group_mean: target's mean by category, out of fold",
    )
    constructed_columns: int = Field(
        16, ge=1, description="most new numbers, group means counted by themselves"
    )
    select: Literal["none", "mutual_information", "permutation"] = Field(
        "none", description="leave out columns that tell no more than noise"
    )
    select_columns: int = Field(0, ge=0, description="columns that selection keeps; 0: all that beat noise")
    components: int = Field(0, ge=0, le=256, description="principal components of the numbers, added to them")


class TrainingOptions(Options):
    """One training: loss, optimizer, schedule, regularisers, stopping."""

    loss: LossChoice = Field("auto", description="auto: cross_entropy or mse")  # type: ignore[assignment]  # a name, parsed
    optimizer: OptimizerChoice = Field("adamw")  # type: ignore[assignment]  # a name, parsed
    schedule: ScheduleChoice = Field("cosine")  # type: ignore[assignment]  # a name, parsed
    initialiser: InitialiserChoice = Field("he")  # type: ignore[assignment]  # a name, parsed
    output_bias: Literal["prior", "zero"] = Field(
        "prior", description="prior: class frequencies, target's mean"
    )
    batch_size: int = Field(0, ge=0, description="rows a step; 0: by the rows, 32 to 256")
    accumulate_steps: int = Field(
        1, ge=1, description="micro-batches a step; the gradient is that of the whole"
    )
    epochs: int = Field(200, ge=1, description="upper bound of passes over the training rows")
    patience_epochs: int = Field(12, ge=0, description="stop after so many epochs without gain; 0: never")
    judge: Literal["calibrated", "plain"] = Field(
        "calibrated", description="best epoch by the loss after the best temperature (classes), or as it is"
    )
    l1: float = Field(0.0, ge=0, description="λ of λ·Σ|w| added to the loss")
    l2: float = Field(0.0, ge=0, description="λ of λ/2·Σw² added to the loss (coupled decay)")
    clip_norm: float = Field(0.0, ge=0, description="upper bound of the gradient's norm; 0: none")
    mixed_precision: Literal["auto", "on", "off"] = Field(
        "auto", description="bfloat16 products where it pays"
    )
    signals: bool = Field(True, description="record the doctor's signals while training")


class SearchOptions(Options):
    """Coarse, then fine."""

    trials: int = Field(24, ge=1, le=900, description="recipes tried in search_coarse")
    coarse_epochs: int = Field(3, ge=1)
    refine_rungs: int = Field(
        2, ge=1, le=4, description="halvings in search_refine, each with longer training"
    )
    keep: float = Field(1 / 3, gt=0, lt=1, description="share of trials that goes on at a halving")
    max_rows: int = Field(20_000, ge=100, description="training rows a coarse trial sees")
    widths: list[int] = Field(default_factory=lambda: [64, 128, 256], min_length=1)
    periodic_frequencies: list[int] = Field(
        default_factory=lambda: [0, 8], min_length=1, description="cosines a number that are tried; 0: none"
    )
    label_smoothing: float = Field(0.08, ge=0, lt=1, description="upper end of what is tried, for classes")
    challengers: list[str] = Field(
        default_factory=lambda: ["residual_mlp", "tabm"],
        description="models that join the first rung of search_refine where the time allows",
    )


class ProcedureOptions(Options):
    """The book's steps: what is done and how much of it."""

    skip: list[str] = Field(
        default_factory=list,
        description="steps to leave out; data_check, baselines, train_long, ensemble and test_once stay",
    )
    members: int = Field(15, ge=1, description="networks of train_long at least, trained as stacks")
    folds: int = Field(
        5,
        ge=0,
        le=50,
        description="folds of train_long: every row is held out once; 0: the validation rows judge",
    )
    range_seeds: int = Field(4, ge=2, description="seeds of learning_rate_range")
    range_steps: int = Field(100, ge=20, description="steps of learning_rate_range")
    overfit_rows: int = Field(64, ge=4, description="rows of overfit_sample")
    remedy_rounds: int = Field(2, ge=0, description="most changes of recipe that read_curves tries")
    understand: bool = Field(
        True, description="look into the chosen model: importance, dependence, slices, rows, more data"
    )
    bootstrap: int = Field(1000, ge=100, description="resamples behind every interval")


class DecisionOptions(Options):
    """What predictions are used for: the class that counts, its threshold, the coverage of intervals.

    Without a metric and without costs the likeliest class is predicted.
    """

    positive: str | bool | int | float | None = Field(
        None, description="the class that counts, of two; none: the rarer one"
    )
    metric: Literal["none", "accuracy", "balanced_accuracy", "f1", "recall_at_precision"] = Field(
        "none", description="what the threshold is chosen for, on validation rows"
    )
    precision: float | None = Field(None, gt=0, le=1, description="least precision of recall_at_precision")
    cost_false_positive: float | None = Field(
        None, gt=0, description="the threshold makes the mean cost least; the cost not given is 1"
    )
    cost_false_negative: float | None = Field(None, gt=0, description="as cost_false_positive")
    interval: float = Field(0.9, gt=0, lt=1, description="coverage of prediction intervals and sets")

    @property
    def costs(self) -> bool:
        """Whether costs decide."""
        return self.cost_false_positive is not None or self.cost_false_negative is not None

    @model_validator(mode="after")
    def _one_goal(self) -> DecisionOptions:
        if self.costs and self.metric != "none":
            raise ValueError(f"costs or a metric decide, not both; the metric is {self.metric}")
        if (self.metric == "recall_at_precision") != (self.precision is not None):
            raise ValueError(
                "metric=recall_at_precision and precision belong together, but only one is given"
            )
        return self


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
    model: ModelChoice = Field("mlp")  # type: ignore[assignment]  # a name, parsed
    training: TrainingOptions = Field(default_factory=TrainingOptions)
    search: SearchOptions = Field(default_factory=SearchOptions)
    decision: DecisionOptions = DecisionOptions()
    procedure: ProcedureOptions = ProcedureOptions()

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

    A layer is a nested mapping; its keys may be dotted. Naming another entry of a family (``optimizer: sgd``)
    drops the options of the one before.

    Raises:
        InputError: all mistakes at once, each with its path and the nearest right spelling.
    """
    tree: dict[str, Any] = {}
    for layer in layers:
        _merge(tree, _undotted(layer))
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise _as_input_error(error, tree) from None


def load(text: str, file: str) -> dict[str, Any]:
    """The mapping in a recipe file.

    Raises:
        InputError: the text is not YAML or not a mapping.
    """
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
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
    except yaml.YAMLError:
        return path.strip(), value


def _undotted(layer: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in layer.items():
        *parents, leaf = str(key).split(".") if "." in str(key) else [key]
        branch: dict[str, Any] = {}
        inner = branch
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[leaf] = value
        _merge(tree, branch)
    return tree


def _merge(tree: dict[str, Any], layer: Mapping[str, Any], path: str = "") -> None:
    for key, value in layer.items():
        if path + key in CHOICES and isinstance(value, str):
            value = {"name": value}
        old = tree.get(key)
        if not (isinstance(old, dict) and isinstance(value, Mapping)) or path + key == "data.kinds":
            tree[key] = dict(value) if isinstance(value, Mapping) else value
        elif path + key in CHOICES and value.get("name", old.get("name")) != old.get("name"):
            tree[key] = dict(value)
        else:
            _merge(old, value, f"{path}{key}.")


CHOICES = {
    "model": "model",
    "training.loss": "loss",
    "training.optimizer": "optimizer",
    "training.schedule": "schedule",
    "training.initialiser": "initialiser",
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
