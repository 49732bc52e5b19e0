"""What stands in for a callback's base class where its library is not installed."""

from __future__ import annotations

from typing import Any

from retemper.core.errors import InputError


def absent(name: str, library: str, install: str) -> type:
    """A base class that can be imported but not made: it says which command installs the library.

    Args:
        name: of the callback.
        library: that it needs.
        install: the command.

    >>> absent("LightningDoctor", "Lightning", "pip install lightning")()
    Traceback (most recent call last):
    retemper.core.errors.InputError: LightningDoctor needs Lightning, which is not installed. ...
    """

    class Absent:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            message = f"{name} needs {library}, which is not installed."
            raise InputError("missing_extra", message, {"package": library}, f"Install it: {install}.")

    return Absent
