"""Load a bundle and predict with it."""

from __future__ import annotations

import gzip
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from retemper.api.faults import machine_faults
from retemper.api.registry import located
from retemper.bundle.chunks import CHUNK_ROWS
from retemper.bundle.load import load as load_bundle
from retemper.bundle.model import Model
from retemper.core.errors import InputError
from retemper.core.run_folder import disk_faults, write_whole
from retemper.data.rewritten import read_for
from retemper.data.unlearnt import Unlearnt


def load(path: str | Path) -> Model:
    """The model of a run folder, of a bundle folder, or of the registry.

    Args:
        path: RUN or RUN/model, or where ``model.save`` wrote, or ``name[@version]`` (see
            :func:`retemper.api.registry.located`).

    Returns:
        A model with ``predict``, ``predict_proba`` (classes) and ``save``.

    Raises:
        InputError: there is no bundle and no such name, or it can't be read.

    >>> load("runs/adult").predict("new.csv")  # doctest: +SKIP
    """
    with machine_faults():
        return load_bundle(located(path))


def predict(model: Model | str | Path, data: Any, interval: float | None = None) -> pl.DataFrame:
    """One row out for each row in, in the same order.

    Args:
        model: a model, the path of a run or bundle folder, or ``name[@version]`` of the registry.
        data: rows with the columns that the model was trained on; others are ignored.
        interval: coverage of a prediction interval, between 0 and 1; ``None``: without.

    Returns:
        Column ``prediction`` (the target's own labels) and, for classes, ``probability_<class>``. With
        ``interval``, ``prediction_low`` and ``prediction_high``, or for classes ``prediction_set``, a list.

    Raises:
        InputError: a column is absent or holds what can't be converted, or the model has no such interval.

    >>> predict("runs/adult", "new.csv")["prediction"]  # doctest: +SKIP
    """
    loaded = load(model) if isinstance(model, (str, Path)) else model
    with machine_faults():
        return loaded.prediction_frame(data, interval)


def predict_and_note(
    model: Model | str | Path, data: Any, interval: float | None = None
) -> tuple[pl.DataFrame, Unlearnt]:
    """:func:`predict`, and what of the rows the model has learnt nothing of; the data are read once.

    Args:
        model, data, interval: as for :func:`predict`.

    Raises:
        InputError: see :func:`predict`.

    >>> predictions, note = predict_and_note("runs/adult", "new.csv")  # doctest: +SKIP
    >>> note.sentence()  # doctest: +SKIP
    "'city' has 1 cell of a level that the model has not learnt, the first 'Paris' in row 5"
    """
    loaded = load(model) if isinstance(model, (str, Path)) else model
    with machine_faults():
        frame = data if isinstance(data, pl.DataFrame) else read_for(data, loaded.schema).frame
        predictions = loaded.prediction_frame(frame, interval)
        return predictions, Unlearnt.of(loaded.preparer, frame.iter_slices(CHUNK_ROWS))


def ending(out: Path) -> str:
    """The kind of file that a name stands for: ``.csv``, ``.csv.gz`` or ``.parquet``.

    >>> ending(Path("a/b.csv.gz"))
    '.csv.gz'

    Raises:
        InputError: ``unknown_extension``.
    """
    for known in (".csv", ".csv.gz", ".parquet"):
        if out.name.lower().endswith(known):
            return known
    raise InputError(
        "unknown_extension",
        f"Predictions can't be written as {out.name!r}.",
        {"file": str(out)},
        "Name a .csv, .csv.gz or .parquet file.",
    )


def as_csv(frame: pl.DataFrame) -> str:
    """CSV text; a cell of CSV holds no list, so a prediction set is written as JSON: ``["a", "b"]``.

    >>> as_csv(pl.DataFrame({"prediction": ["a"], "prediction_set": [["a", "b"]]}))
    'prediction,prediction_set\\na,"[""a"", ""b""]"\\n'
    """
    sets = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    texts = [
        pl.Series(name, [json.dumps(cell) for cell in frame[name].to_list()], pl.String) for name in sets
    ]
    return frame.with_columns(texts).write_csv()


def save(frame: pl.DataFrame, out: Path, kind: str) -> None:
    """Write predictions, whole or not at all.

    Raises:
        InputError: ``cannot_write`` or ``disk_full``.
    """
    content = BytesIO()
    if kind == ".parquet":
        frame.write_parquet(content)
    else:
        content.write(as_csv(frame).encode())
    data = content.getvalue()
    with disk_faults(out):
        write_whole(out, gzip.compress(data, mtime=0) if kind == ".csv.gz" else data)
