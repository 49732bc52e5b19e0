"""Options that several verbs share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path,
    typer.Argument(metavar="DATA", help=".csv, .csv.gz, .parquet, .npz, or a folder of CSV or Parquet parts"),
]
ModelPath = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="a run folder, a bundle folder, or name[@version] of the registry"),
]
Target = Annotated[str | None, typer.Option("--target", metavar="COL", help="the column to predict")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, metavar="N", help="fixes every random choice")]
Json = Annotated[bool, typer.Option("--json", help="standard output is one JSON document")]
Quiet = Annotated[bool, typer.Option("--quiet", help="the result alone: no progress, no explanations")]
