"""What a person may say about a retraining."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator

from retemper.core.checked_options import checked
from retemper.core.options import Options

AUTO_SHARE = 0.25
"""What ``auto`` may spend of the cost of training from scratch."""
STRANGE_SHARE = 0.5
"""The same where the champion has become worth nothing: rarely so, and then thrift is dear."""


class RetrainOptions(Options):
    """How a model is retrained and judged.

    >>> RetrainOptions().share(), RetrainOptions(strategy="replay").share()
    (0.25, 1.0)
    """

    strategy: str = Field("auto", description="auto: those that make sense race; or one by its name")
    gate: Literal["standard", "strict"] = Field(
        "standard", description="strict: old rows count even where concept drift is confirmed"
    )
    budget: float | None = Field(
        None,
        gt=0,
        le=10,
        description="multiply-adds of all trainings, as a share of what training from scratch on all rows would take, "
        "with the networks that judge; none said: a quarter for auto, a half where the mean tells the new rows "
        "better than the model does, the whole for a strategy by its name and where there are new classes",
    )
    keep_old: int | None = Field(
        None,
        ge=0,
        description="rows that the new bundle keeps; 0: none; none said: as many as the old one kept",
    )
    folds: int = Field(
        5, ge=2, le=20, description="most folds of the new rows; each is judged by networks without it"
    )
    race_share: float = Field(0.2, gt=0, lt=1, description="of the budget, for the race of the strategies")
    alpha: float = Field(0.05, gt=0, lt=1, description="chance of a false alarm of the drift tests")
    margin_points: float = Field(1.0, gt=0, description="loss on old rows that the gate lets pass, in points")
    metric: str | None = Field(
        None, description="the metric that decides; none: log_loss for classes, else rmse"
    )
    slices: tuple[str, ...] = Field((), description="columns whose levels or ranges must not get worse")
    seed: int = Field(0, ge=0, description="fixes every random choice")
    workers: int = Field(0, ge=0, description="processes that train; 0: one a core")

    @field_validator("slices", mode="before")
    @classmethod
    def _one_column_too(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    def share(self, new_classes: bool = False, strange: bool = False) -> float:
        """The budget that holds.

        Args:
            new_classes: there are such: a new task, which takes as much as any.
            strange: the champion is worth less than a guess: little of what it knows helps.
        """
        if self.budget is not None:
            return self.budget
        if self.strategy != "auto" or new_classes:
            return 1.0
        return STRANGE_SHARE if strange else AUTO_SHARE

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> Self:
        """Options from a person's words.

        Raises:
            InputError: ``bad_retrain_option``, all mistakes at once.

        >>> RetrainOptions.checked({"budget": 1}).budget
        1.0
        """
        return checked(cls, given, "retrain")
