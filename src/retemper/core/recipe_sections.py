"""The sections of a recipe: every option with its type, its bounds, its default and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from retemper.core import catalogue
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


DEFAULTS = {
    "model": "mlp",
    "loss": "auto",
    "optimizer": "adamw",
    "schedule": "cosine",
    "initialiser": "he",
    "sampler": "quasi_random",
    "fidelity": "full",
}
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
SamplerChoice = Annotated[Chosen, _tagged("sampler"), _PLAIN]
FidelityChoice = Annotated[Chosen, _tagged("fidelity"), _PLAIN]


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


class TrainingOptions(Options):
    """One training: loss, optimizer, schedule, regularisers, stopping."""

    loss: LossChoice = Field("auto", description="auto: cross_entropy or mse")  # type: ignore[assignment]  # a name, parsed
    optimizer: OptimizerChoice = Field(
        "adamw", json_schema_extra={"search": ["adamw", "adam", "nesterov", "rmsprop"]}
    )  # type: ignore[assignment]  # a name, parsed
    schedule: ScheduleChoice = Field(
        "cosine", json_schema_extra={"search": ["constant", "cosine", "linear", "one_cycle"]}
    )  # type: ignore[assignment]  # a name, parsed
    initialiser: InitialiserChoice = Field("he", json_schema_extra={"search": ["he", "xavier", "orthogonal"]})  # type: ignore[assignment]  # a name, parsed
    output_bias: Literal["prior", "zero"] = Field(
        "prior", description="prior: class frequencies, target's mean"
    )
    head_scale: float = Field(
        0.1,
        gt=0,
        le=1,
        description="what the last layer's start is multiplied by; small: it begins at the prior",
        json_schema_extra={"search": {"low": 0.01, "high": 1.0, "log": True}},
    )
    batch_size: int = Field(
        0,
        ge=0,
        description="rows a step; 0: by the rows, 32 to 256",
        json_schema_extra={"search": [32, 64, 128, 256]},
    )
    accumulate_steps: int = Field(
        1,
        ge=1,
        description="micro-batches a step; the gradient is that of the whole",
        json_schema_extra={"search": [1, 2, 4]},
    )
    epochs: int = Field(200, ge=1, description="upper bound of passes over the training rows")
    patience_epochs: int = Field(
        12,
        ge=0,
        description="stop after so many epochs without gain; 0: never",
        json_schema_extra={"search": [0, 5, 12, 20]},
    )
    judge: Literal["calibrated", "plain"] = Field(
        "calibrated", description="best epoch by the loss after the best temperature (classes), or as it is"
    )
    l1: float = Field(
        0.0,
        ge=0,
        description="λ of λ·Σ|w| added to the loss",
        json_schema_extra={"search": {"low": 1e-7, "high": 1e-3, "log": True}},
    )
    l2: float = Field(
        0.0,
        ge=0,
        description="λ of λ/2·Σw² added to the loss (coupled decay)",
        json_schema_extra={"search": {"low": 1e-7, "high": 1e-2, "log": True}},
    )
    clip_norm: float = Field(
        0.0,
        ge=0,
        description="upper bound of the gradient's norm; 0: none",
        json_schema_extra={"search": [0.0, 0.5, 1.0, 5.0]},
    )
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
    nested_rows: int = Field(
        2000, ge=0, description="tables of at most so many rows get a nested estimate of their score; 0: none"
    )
    nested_folds: int = Field(5, ge=2, le=20, description="outer folds of the nested estimate")
    nested_repeats: int = Field(2, ge=1, le=20, description="draws of the outer folds")
    nested_recipes: int = Field(6, ge=1, le=90, description="recipes that are raced within each outer fold")
    bootstrap: int = Field(1000, ge=100, description="resamples behind every interval")


class KeepOptions(Options):
    """What the model remembers of its rows, for later retraining."""

    rows: int = Field(
        0, ge=0, description="raw rows in the model's folder, a quarter of them never trained on; 0: none"
    )
    sketches: bool = Field(
        True, description="counts of the test rows' cells in the model's folder, for a later drift test"
    )


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
    costs: dict[str, dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]] | None = Field(
        None,
        description="of mistakes, for any number of classes: {true class: {predicted class: cost}}; "
        "a mistake not named costs 1, a right call 0",
    )
    interval: float = Field(0.9, gt=0, lt=1, description="coverage of prediction intervals and sets")

    @property
    def two_costs(self) -> bool:
        """Whether the costs of false positives and negatives are named."""
        return self.cost_false_positive is not None or self.cost_false_negative is not None

    @field_validator("costs", mode="before")
    @classmethod
    def _names(cls, given: Any) -> Any:
        """Class names as text: YAML reads ``1`` and ``yes`` as a number and a truth value."""
        if not isinstance(given, Mapping):
            return given
        return {
            str(true): {str(called): cost for called, cost in own.items()}
            if isinstance(own, Mapping)
            else own
            for true, own in given.items()
        }

    @model_validator(mode="after")
    def _one_goal(self) -> DecisionOptions:
        if self.costs is not None and self.two_costs:
            raise ValueError(
                "costs name every mistake; leave cost_false_positive and cost_false_negative out"
            )
        if (self.two_costs or self.costs is not None) and self.metric != "none":
            raise ValueError(f"costs or a metric decide, not both; the metric is {self.metric}")
        if (self.metric == "recall_at_precision") != (self.precision is not None):
            raise ValueError(
                "metric=recall_at_precision and precision belong together, but only one is given"
            )
        return self
