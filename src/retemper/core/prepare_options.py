"""The section ``prepare`` of a recipe: how columns become numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from retemper.core.options import Options


class PrepareOptions(Options):
    """How columns become numbers; fitted on training rows alone."""

    scaling: Literal["robust", "zscore", "minmax", "quantile", "none"] = "robust"
    number_embedding: Literal["piecewise_linear", "none"] = Field(
        "piecewise_linear", description="thermometer code over bins, beside the scaled number"
    )
    bins: int = Field(
        48,
        ge=2,
        le=256,
        description="bins a number, cut over the distinct values",
        json_schema_extra={"search": [8, 16, 32, 48, 64]},
    )
    embedding_inputs: int = Field(
        512,
        ge=16,
        description="upper bound of numbers × bins; bins shrink to fit",
        json_schema_extra={"search": [128, 256, 512, 1024]},
    )
    one_hot_levels: int = Field(
        64,
        ge=0,
        description="more levels than this get a learned embedding",
        json_schema_extra={"search": [8, 16, 32, 64, 128]},
    )
    min_level_rows: int = Field(
        3,
        ge=1,
        description="rarer levels count as unknown",
        json_schema_extra={"search": [1, 2, 3, 5, 10, 20]},
    )
    target_scaling: Literal["zscore", "minmax", "robust", "quantile", "none"] = Field(
        "zscore", description="of a regression target"
    )
    target: Literal["plain", "log"] = Field(
        "plain",
        description="log: a regression learns the target's logarithm; nearer to the median than the mean",
    )
    placeholders: Literal["keep", "missing"] = Field(
        "keep",
        description="missing: cells such as -999 or 'unknown' that stand for not known count as missing",
    )
    units: Literal["keep", "convert"] = Field(
        "keep",
        description="convert: cells that stand apart from the rest by a unit's factor are divided by it",
    )
    missing: Literal["indicator", "median", "mean", "constant", "iterative"] = Field(
        "indicator",
        description="what a missing number becomes; a column says so in any case, indicator: only that",
    )
    missing_constant: float = Field(0.0, description="for missing=constant, in the columns' own units")
    outliers: Literal["keep", "clip", "drop", "isolation_forest"] = Field(
        "keep", description="clip: cells to the distance; drop, isolation_forest: leave out training rows"
    )
    outlier_distance: float = Field(
        8.0,
        gt=0,
        description="robust z-score beyond which a cell is an outlier",
        json_schema_extra={"search": {"low": 3.0, "high": 20.0, "log": True}},
    )
    outlier_share: float = Field(
        0.01,
        gt=0,
        le=0.5,
        description="training rows that isolation_forest leaves out",
        json_schema_extra={"search": {"low": 0.001, "high": 0.1, "log": True}},
    )
    constructed: list[Literal["log", "ratio", "product", "group_mean"]] = Field(
        default_factory=list,
        description="new numbers from old; group_mean: target's mean by category, out of fold",
        json_schema_extra={"search": [[], ["log"], ["ratio"], ["product"], ["group_mean"]]},
    )
    constructed_columns: int = Field(
        16,
        ge=1,
        description="most new numbers, group means counted by themselves",
        json_schema_extra={"search": [4, 8, 16, 32]},
    )
    text_scores: bool = Field(
        True,
        description="numbers that say what a text's words speak for: naive Bayes by the target, out of fold",
    )
    select: Literal["none", "mutual_information", "permutation"] = Field(
        "none", description="leave out columns that tell no more than noise"
    )
    select_columns: int = Field(
        0,
        ge=0,
        description="columns that selection keeps; 0: all that beat noise",
        json_schema_extra={"search": [0, 4, 8, 16, 32]},
    )
    components: int = Field(
        0,
        ge=0,
        le=256,
        description="principal components of the numbers, added to them",
        json_schema_extra={"search": [0, 2, 4, 8, 16]},
    )
