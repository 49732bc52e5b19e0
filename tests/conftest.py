"""What tests of several packages need."""

import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def small_disk(tmp_path: Path, disk_kb: int) -> Iterator[Path]:
    """A disk of the size that the module's ``disk_kb`` says."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={disk_kb}k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk takes more rights")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """The small tables, champions and grounds that tests of retraining share."""
    spec = importlib.util.spec_from_file_location("made", Path(__file__).parent / "retraining" / "made.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
