"""The base of every option class: frozen, typed, checked, nothing unknown let in."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Options of one family entry (a model, an optimizer, …) or of one part of the recipe.

    Declare each option once, with its type, its bounds and a description; help, the JSON schema and the
    checks come from there. A search range is declared beside it, as in a space file: a list is a choice,
    ``{"low": 0.1, "high": 1.0, "log": True}`` a range.

    ``width: int = Field(256, ge=1, description="units a layer", json_schema_extra={"search": [64, 128, 256]})``
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def replaced(self, **changes: Any) -> Any:
        """A checked copy with some fields changed."""
        return type(self).model_validate({**self.model_dump(), **changes})
