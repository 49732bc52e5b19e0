"""What the core install pulls in: packages and megabytes beside PyTorch and what PyTorch brings.

A fresh virtual environment in a temporary folder gets `torch` alone, under constraints.txt; then the project.
The difference counts, the project itself and pip left out. Target: at most 40 packages. Downloads PyTorch.

usage: python benchmarks/install_size.py
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from measuring import ROOT, met, print_table, run

TARGET = 40
NOT_COUNTED = {"pip", "setuptools", "retemper"}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "venv"
        run(sys.executable, "-m", "venv", home)
        python = next(path for path in (home / "bin/python", home / "Scripts/python.exe") if path.exists())
        install = (python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt")
        empty = megabytes(home)
        torch_s, _ = run(*install, "torch")
        before, torch_mb = packages(python), megabytes(home)
        project_s, _ = run(*install, ROOT)
        after, all_mb = packages(python), megabytes(home)
    added = sorted(after - before)
    rows = [
        ("torch and what it brings", len(before), round(torch_mb - empty), round(torch_s), ""),
        (
            "retemper adds",
            len(added),
            round(all_mb - torch_mb),
            round(project_s),
            met(len(added), at_most=TARGET),
        ),
    ]
    print_table("Core install", ("part", "packages", "MB", "s", "target"), rows)
    print(f"\nAdded: {', '.join(added)}.")


def packages(python: Path) -> set[str]:
    """The names that pip lists, without pip and the project."""
    _, listed = run(python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check")
    return {package["name"] for package in json.loads(listed)} - NOT_COUNTED


def megabytes(folder: Path) -> float:
    """The size of all files in a folder, 10⁶ bytes each."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    main()
