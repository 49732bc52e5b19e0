"""The whole procedure anew on old and new rows: where the champion's recipe itself may not suit any more.

The search begins at the champion's recipe: it is one of those that are tried.
"""

from __future__ import annotations

from retemper.core.options import Options as Base
from retemper.core.records import NotApplicable
from retemper.retraining.course import Means, NewSearch

ABOUT = "a new search on old and new rows, begun at the champion's recipe"
FEWEST_ROWS = 100


class Options(Base):
    """No options: the champion's recipe says how much is searched."""


def plan(options: Options, means: Means) -> NewSearch:
    """All steps of a training.

    Raises:
        NotApplicable: there are too few rows to search by.
    """
    if means.new_rows + means.old_rows < FEWEST_ROWS:
        raise NotApplicable(f"a search needs {FEWEST_ROWS} rows")
    return NewSearch()
