"""The section ``tune`` of a recipe: a search alone."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from retemper.core.options import Options
from retemper.core.recipe_sections import FidelityChoice, SamplerChoice


class TuneOptions(Options):
    """A search alone (``retemper tune``): where, by what, how long each trial trains, and how it is judged."""

    space: dict[str, Any] = Field(
        default_factory=dict, description="option → list of values, {low, high, log, integer}, or default"
    )
    sampler: SamplerChoice = Field("quasi_random")  # type: ignore[assignment]  # a name, parsed
    trials: int = Field(64, ge=1, le=100_000, description="settings that are tried at most")
    widenings: int = Field(
        2, ge=0, le=5, description="times that a range is widened where the best value lies at its edge"
    )
    fidelity: FidelityChoice = Field("full")  # type: ignore[assignment]  # a name, parsed
    epochs: int = Field(30, ge=1, description="passes over the rows of a trial that trains in full")
    folds: int = Field(5, ge=0, le=50, description="parts that judge in turn; 0: the validation rows judge")
    repeats: int = Field(1, ge=1, le=20, description="draws of the folds; each row is held out once in each")
    nested: int = Field(
        0,
        ge=0,
        le=20,
        description="outer folds: the search is made anew without each, and judged by it; 0: none",
    )
    batch: int = Field(
        0,
        ge=0,
        description="trials asked for at a time; 0: all, or an eighth where it learns or begins from another search",
    )
    storage: str | None = Field(
        None,
        description="database of the trials: postgresql://user@host/name or sqlite:///path; none: RUN/trials.db",
    )
    engine: Literal["stack", "processes", "ray"] = Field(
        "stack",
        description="where trials train: stacks or single networks in this machine's processes, or a Ray cluster",
    )
    address: str = Field(
        "", description="of the Ray cluster: host:6379, ray://host:10001; empty: this machine's"
    )
    gpus_per_job: float = Field(0.0, ge=0, description="of each stack on the Ray cluster; 0.5: two share one")
    warm_start: str | None = Field(
        None,
        description="RUN folder of an earlier search to begin from, if five probes show that its ranking holds",
    )

    @field_validator("storage")
    @classmethod
    def _without_password(cls, url: str | None) -> str | None:
        """The recipe is written down in many places, and no password belongs there."""
        if url is None:
            return None
        if not url.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("a database is postgresql://user@host/name or sqlite:///path")
        if ":" in urlsplit(url).netloc.rpartition("@")[0]:
            raise ValueError(
                "leave the password out, it would be written down: set PGPASSWORD or use ~/.pgpass"
            )
        return url

    @model_validator(mode="after")
    def _whole_folds(self) -> TuneOptions:
        if self.folds == 1:
            raise ValueError("one fold holds out every row; folds: 0, or 2 and more")
        if self.repeats > 1 and not self.folds:
            raise ValueError("repeats are of folds, but folds is 0, so the validation rows judge")
        if self.nested == 1:
            raise ValueError("one outer fold leaves no row to search on; nested: 0, or 2 and more")
        return self
