"""A full disk or one that can't be written: told in words, the registry as it was."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from retemper.retraining.registry.folder import FolderRegistry

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
CodeOf = Callable[..., str]


def hidden(registry: FolderRegistry) -> list[str]:
    return [path.name for path in Path(registry.place).rglob(".*") if path.name != ".lock"]


@pytest.mark.parametrize("size", [0, 100, 3000])
def test_files_that_may_not_grow(
    registry: FolderRegistry, bundles: list[Path], code_of: CodeOf, size: int
) -> None:
    import resource

    registry.add("churn", bundles[0])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        assert code_of(registry.add, "churn", bundles[1]) == "cannot_write"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert registry.life("churn").numbers == (1,) and not hidden(registry)
    assert registry.add("churn", bundles[1]).number == 2


@pytest.fixture
def disk_kb() -> int:
    return 64


def test_a_disk_that_is_full(small_disk: Path, bundles: list[Path], code_of: CodeOf) -> None:
    registry = FolderRegistry(str(small_disk / "registry"))
    registry.add("churn", bundles[0])
    registry.add("churn", bundles[0])
    (small_disk / "other").write_bytes(b"")
    with pytest.raises(OSError, match="No space"), (small_disk / "other").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))
    assert code_of(registry.add, "churn", bundles[0]) == "disk_full"
    assert code_of(registry.promote, "churn", 2) == "disk_full"
    assert registry.life("churn").numbers == (1, 2) and registry.life("churn").in_force == 1
    assert not hidden(registry)


def test_a_disk_that_can_only_be_read(small_disk: Path, bundles: list[Path], code_of: CodeOf) -> None:
    registry = FolderRegistry(str(small_disk / "registry"))
    registry.add("churn", bundles[0])
    registry.add("churn", bundles[0])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert code_of(registry.add, "churn", bundles[0]) == "cannot_write"
    assert code_of(registry.check_new, "other") == "cannot_write"
    assert code_of(registry.promote, "churn", 2) == "cannot_write"
    assert registry.life("churn").in_force == 1


def test_a_file_where_the_registry_should_be(tmp_path: Path, bundles: list[Path], code_of: CodeOf) -> None:
    (tmp_path / "registry").write_text("mine")
    registry = FolderRegistry(str(tmp_path / "registry"))
    assert code_of(registry.names) == code_of(registry.add, "churn", bundles[0]) == "cannot_read"
    registry = FolderRegistry(str(tmp_path / "registry" / "below"))
    assert code_of(registry.add, "churn", bundles[0]) == "cannot_write"
