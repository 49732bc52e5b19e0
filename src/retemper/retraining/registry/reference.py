"""``name[@version]``: how a command names a registered model."""

from __future__ import annotations

import re
from typing import NamedTuple

from retemper.core.errors import InputError

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?", re.ASCII)
VERSION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""What Windows keeps for devices: a registry must be readable wherever it is copied to."""


class Reference(NamedTuple):
    """A registered model: ``version`` None means the one in force.

    >>> str(Reference("churn", 3)), str(Reference("churn"))
    ('churn@3', 'churn')
    """

    name: str
    version: int | None = None

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}@{self.version}"


def parse(text: str) -> Reference:
    """The reference that a text stands for.

    >>> parse("churn@3")
    Reference(name='churn', version=3)

    Raises:
        InputError: ``bad_name`` or ``bad_version``.
    """
    name, at, version = text.partition("@")
    check_name(name)
    if not at:
        return Reference(name)
    if not VERSION.fullmatch(version):
        raise InputError(
            "bad_version",
            f"A version is a whole number from 1 on, but got {version!r}.",
            {"model": text},
            f"Write {name}@1, or {name} for the version in force.",
        )
    return Reference(name, int(version))


def could_be(text: str) -> bool:
    """Whether a text could be the name of a registered model.

    >>> could_be("churn@3"), could_be("churn"), could_be("runs/churn"), could_be("churn@new")
    (True, True, False, False)
    """
    try:
        parse(text)
    except InputError:
        return False
    return True


def check_name(name: str) -> None:
    """Refuse what can't be a folder's name on every system.

    Raises:
        InputError: ``bad_name``.
    """
    if NAME.fullmatch(name) and not RESERVED.fullmatch(name):
        return
    raise InputError(
        "bad_name",
        f"A model can't be called {name!r}: a name has 1 to 64 letters (a to z), digits, '-', '_' or '.', "
        "begins with a letter or a digit, doesn't end in a '.', and is no device of Windows (con, nul, …).",
        {"name": name},
        "Choose a name such as churn or churn-2026.",
    )
