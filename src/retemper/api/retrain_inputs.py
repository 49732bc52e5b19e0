"""From a person's sources to the start of a retraining."""

from __future__ import annotations

from typing import Any

import polars as pl

from retemper.bundle.model import Model
from retemper.data.rewritten import read_for
from retemper.retraining.before import Before
from retemper.retraining.ground import MOST_ROWS, drawn
from retemper.retraining.options import RetrainOptions
from retemper.retraining.past import Past


def before_of(champion: Model, new: Any, old: Any, options: RetrainOptions) -> Before:
    """Read both sources.

    Raises:
        InputError: a source can't be read, or lacks columns.
    """
    table = read_for(new, champion.schema)
    frame = table.frame[:]
    past = Past.none(frame)
    if old is not None:
        rows = read_for(old, champion.schema).frame[:]
        rows = drawn(rows.filter(pl.col(champion.target).is_not_null()), MOST_ROWS, options.seed, "old rows")
        past = Past.dealt(rows, None, options.seed, "given")
    return Before(champion, champion, frame, past, options)
