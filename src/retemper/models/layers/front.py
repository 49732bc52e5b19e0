"""Options of the front that architectures share."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options
from retemper.models.layers.inputs import Inputs, InputShape


class FrontOptions(Options):
    """How numbers enter the network, beside their scaled values and codes over bins."""

    periodic_frequencies: int = Field(
        0,
        ge=0,
        le=64,
        description="periodic embedding: cosines a number, frequencies learned; 0: none",
        json_schema_extra={"search": [0, 4, 8, 16]},
    )
    periodic_units: int = Field(
        3,
        ge=1,
        le=32,
        description="periodic embedding: outputs a number",
        json_schema_extra={"search": [2, 3, 4, 8]},
    )
    periodic_sigma: float = Field(
        0.1,
        gt=0,
        description="periodic embedding: spread of the frequencies at the start",
        json_schema_extra={"search": {"low": 0.01, "high": 1.0, "log": True}},
    )

    def front(self, shape: InputShape) -> Inputs:
        """The front for prepared rows of ``shape``."""
        return Inputs(shape, self.periodic_frequencies, self.periodic_units, self.periodic_sigma)
