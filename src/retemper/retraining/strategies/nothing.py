"""Leave the champion as it is: the mark that every cure must beat."""

from __future__ import annotations

from retemper.core.options import Options as Base
from retemper.retraining.course import Means, Untouched

ABOUT = "the champion stays as it is"


class Options(Base):
    """No options."""


def plan(options: Options, means: Means) -> Untouched:
    """Nothing changes, nothing is spent."""
    return Untouched()
