"""One part of looking at a time: what goes wrong in it becomes the reason why a check is not applicable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from retemper.core.records import NotApplicable

Found = TypeVar("Found")
SAID = {
    "network": "the network could not be probed",
    "loss": "the loss could not be asked",
    "data": "the training rows could not be looked at",
    "held_out": "the held-out rows could not be looked at",
    "sample": "a small sample could not be tried",
    "aligned": "targets and inputs could not be compared",
    "likeness": "training rows could not be held against held-out ones",
    "reference": "no simple model could be asked",
    "optimizer": "the optimizer could not be read",
    "signals": "the training could not be watched",
    "standing": "the network could not be judged",
}


def attempt(name: str, reasons: dict[str, str], find: Callable[[], Found]) -> Found | None:
    """What was found, or None with the reason: nothing that goes wrong here may reach someone's training.

    Args:
        name: of the part.
        reasons: takes the reason by the part's name.
        find: looks.

    >>> reasons = {}
    >>> attempt("loss", reasons, lambda: 1 / 0), reasons
    (None, {'loss': 'the loss could not be asked: ZeroDivisionError: division by zero'})
    """
    try:
        return find()
    except NotApplicable as why:
        reasons[name] = str(why)
    except Exception as error:  # a person's own code may raise anything
        first = str(error).splitlines()[0][:160] if str(error) else ""
        reasons[name] = f"{SAID[name]}: {type(error).__name__}: {first}"
    return None
