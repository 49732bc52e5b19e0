"""What can be wrong with a registry, each in a person's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from retemper.core.errors import InputError, nearest
from retemper.core.run_folder import disk_faults
from retemper.core.version_records import Life


def unknown_model(name: str, known: Sequence[str], place: str) -> InputError:
    """No model has this name."""
    if known:
        said = nearest(name, list(known))
        hint = "Mend the name, or see `retemper registry list`."
    else:
        said = "it holds no model yet"
        hint = "Add one: retemper registry add NAME RUN, or name another registry (--registry, RETEMPER_REGISTRY)."
    where = {"registry": place}
    return InputError("unknown_model", f"The registry has no model {name!r}; {said}", where, hint)


def unknown_version(life: Life, version: int, place: str) -> InputError:
    """The model has no version of this number."""
    numbers = life.numbers
    known = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else ", ".join(map(str, numbers))
    return InputError(
        "unknown_version",
        f"The model {life.name!r} has no version {version}; its versions are {known or 'gone'}.",
        {"registry": place},
        f"See `retemper registry list {life.name}`.",
    )


def damaged_version(name: str, version: int, file: Path) -> InputError:
    """A file of a version is not what was added."""
    return InputError(
        "damaged_version",
        f"Version {version} of {name!r} is damaged: {file.name} is not what was added.",
        {"file": str(file)},
        f"Restore it from a copy, or put another version into force: retemper registry promote {name}@VERSION.",
    )


def damaged_registry(name: str, file: Path, what: str) -> InputError:
    """Which version is in force can't be read."""
    return InputError(
        "damaged_registry",
        f"Which version of {name!r} is in force can't be told: {what}.",
        {"file": str(file)},
        f"Restore the file from a copy, or delete it (its history is lost) and promote a version; {name}@VERSION "
        "works meanwhile.",
    )


def nothing_in_force(name: str, place: str) -> InputError:
    """No version was ever promoted."""
    return InputError(
        "nothing_in_force",
        f"No version of {name!r} is in force.",
        {"registry": place},
        f"Promote one: retemper registry promote {name}@1, or name a version: {name}@1.",
    )


def nothing_before(name: str, place: str) -> InputError:
    """There is no version to go back to."""
    return InputError(
        "nothing_before",
        f"No version of {name!r} was in force before this one.",
        {"registry": place},
        f"Promote the version that you want: retemper registry promote {name}@VERSION.",
    )


def champion_changed(name: str, expected: int, found: int | None, place: str) -> InputError:
    """The version that was to be replaced is no longer in force."""
    return InputError(
        "champion_changed",
        f"Version {expected} of {name!r} was to be replaced, but version {found} is in force now.",
        {"registry": place},
        "Judge the new version against the one in force, then promote it.",
    )


@contextmanager
def registry_faults(place: Path) -> Iterator[None]:
    """A disk that is full or refuses, in words that fit a registry.

    >>> with registry_faults(Path("registry")):
    ...     raise PermissionError(13, "Permission denied", "registry/churn")
    Traceback (most recent call last):
    retemper.core.errors.InputError: Can't write here: Permission denied. (file registry/churn) The registry is ...

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.
    """
    try:
        with disk_faults(place):
            yield
    except InputError as error:
        if error.code not in ("disk_full", "cannot_write"):
            raise
        hint = (
            "The registry is as it was before. Free space, raise the limit, or choose a registry that you may "
            "write to (--registry, RETEMPER_REGISTRY); then try again."
        )
        raise InputError(error.code, error.message, error.where, hint) from error.__cause__


@contextmanager
def reading(place: Path) -> Iterator[None]:
    """A registry that the system won't let us read.

    Raises:
        InputError: ``cannot_read``.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            "cannot_read",
            f"The registry can't be read: {reason}.",
            {"file": str(error.filename or place)},
            "Name the registry's folder (--registry, RETEMPER_REGISTRY), and see that you may read it.",
        ) from error
