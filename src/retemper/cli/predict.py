"""``retemper predict``: one row out for each row in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from retemper.cli.options import Data, Json, ModelPath, Quiet
from retemper.cli.output import print_json, write

Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE", help=".csv, .csv.gz or .parquet; without it, CSV to standard output"
    ),
]

Interval = Annotated[
    float | None,
    typer.Option(
        "--interval",
        metavar="SHARE",
        help="also where the truth lies with this probability, for example 0.9: "
        "prediction_low and prediction_high, or prediction_set for classes",
    ),
]


def command(
    model: ModelPath,
    data: Data,
    out: Out = None,
    interval: Interval = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict each row of DATA with MODEL.

    One row out for each row in: `prediction`, and `probability_<class>` for each class. Levels that the model
    does not know, and rows without any cell, are predicted too, and counted in a note to standard error.
    """
    from retemper.api.predict import as_csv, ending, predict_and_note, save

    kind = ending(out) if out is not None else None  # before the work, not after it
    frame, unlearnt = predict_and_note(model, data, interval)
    if (told := unlearnt.sentence()) and not quiet and not json:
        sys.stderr.write(f"note: {told}\n")
    if out is not None and kind is not None:
        save(frame, out, kind)
    if json:
        where = {"predictions": frame.to_dicts()} if out is None else {"out": str(out)}
        print_json({"rows": frame.height, **where, "unlearnt": unlearnt})
    elif out is None:
        write(as_csv(frame))
    elif not quiet:
        write(f"{frame.height} predictions in {out}\n")
