"""Foreign exceptions of the machine, wherever they surface, in a person's words; others pass as they are."""

from __future__ import annotations

import errno

import pytest

from retemper.api.faults import machine_faults
from retemper.core.errors import InputError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "not_enough_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "not_enough_memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "not_enough_memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "not_enough_memory"),
        (OSError(errno.ENOSPC, "No space left on device", "a"), "disk_full"),
        (OSError(errno.EROFS, "Read-only file system"), "cannot_write"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), "cannot_write"),
    ],
)
def test_in_words(error: Exception, code: str) -> None:
    with pytest.raises(InputError) as caught, machine_faults():
        raise error
    assert caught.value.code == code and caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), FileNotFoundError(2, "gone"), KeyError("x")]
)
def test_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, machine_faults():
        raise error
    assert caught.value is error
