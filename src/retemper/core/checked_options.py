"""Options from a person's words, with all mistakes told at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from retemper.core.errors import InputError, nearest
from retemper.core.options import Options

Own = TypeVar("Own", bound=Options)


def checked(options: type[Own], given: Mapping[str, Any], what: str) -> Own:
    """The options, each with its type and in its bounds.

    Args:
        options: their class.
        given: name → value.
        what: whose options they are, such as ``gate``.

    Raises:
        InputError: ``bad_<what>_option``, all mistakes at once, with the nearest right spelling.

    >>> class Own(Options):
    ...     width: int = 3
    >>> checked(Own, {"width": 7}, "test").width
    7
    """
    try:
        return options.model_validate(given)
    except ValidationError as error:
        mistakes = [_sentence(str(own["loc"][0]), own, list(options.model_fields)) for own in error.errors()]
        where = {"option": ", ".join(str(own["loc"][0]) for own in error.errors())}
        told = "; ".join(mistakes)
        message = f"The {what}'s options can't be used: {told}{'' if told.endswith('?') else '.'}"
        raise InputError(f"bad_{what}_option", message, where, "Mend each of them.") from None


def _sentence(name: str, error: Any, known: list[str]) -> str:
    if error["type"] == "extra_forbidden":
        return f"there is no option {name!r}, {nearest(name, known)}"
    return f"{name}: {error['msg']}, but got {error['input']!r}"
