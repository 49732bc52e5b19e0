"""What a watched stream keeps on disk, and how it is read again.

::

    RUN/stream.json                    which model is watched over
    RUN/files.json                     what became of each file: a memory that spares reading, and the failures
    RUN/batches/0003-june.csv/         one retraining: decision.json, report.html, model/ …
    RUN/working/                       the retraining under way; whoever comes next deletes it
    RUN/model, decision.json, report.html   of the newest batch; the page tells the stream's whole life

A batch is put together in ``working`` and renamed into ``batches``: it is there whole or not at all. Its decision.json
says which content it used (SHA-256), so that no content is used twice, and whether the registry holds its model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retemper.core.errors import InputError
from retemper.core.run_folder import disk_faults, write_whole
from retemper.report.decision_file import read_decision

SCHEMA = 1
LONGEST_NAME = 80


@dataclass(frozen=True)
class Batch:
    """A retraining that came to its decision.

    Args:
        folder: ``RUN/batches/<number>-<file>``.
        decision: the content of its decision.json.
    """

    folder: Path
    decision: Mapping[str, Any]

    @property
    def number(self) -> int:
        """1, 2, …, in the order of treating; never given twice."""
        return int(self.folder.name.partition("-")[0])

    @property
    def stream(self) -> Mapping[str, Any]:
        """What decision.json says of the stream."""
        return self.decision["stream"]  # type: ignore[no-any-return]

    @property
    def overtaken(self) -> bool:
        """Whether its champion was replaced by somebody else meanwhile, so that the decision came to nothing."""
        return bool(self.stream.get("overtaken"))

    @property
    def waits_for_registry(self) -> bool:
        """Whether its challenger was to be promoted in a registry, which is not known to have happened."""
        facts = self.stream
        return bool(self.decision["promoted"]) and facts["registered"] and facts.get("version") is None

    @property
    def in_force(self) -> str:
        """How the model is called that was in force when it was done: ``churn@4``."""
        return str(self.decision["challenger" if self.decision["promoted"] else "champion"])

    @property
    def tested(self) -> tuple[float, bool]:
        """The level of its drift test, and whether it is passed on to the next one."""
        drift = self.decision["drift"]
        return float(drift["alpha"]), bool(drift["detected"]) or drift["p_value"] is None

    def changed(self, **values: Any) -> Batch:
        """Replace parts of decision.json: one rename."""
        batch = replace(self, decision={**self.decision, **values})
        write_json(self.folder / "decision.json", batch.decision)
        return batch


def batches_of(run: Path) -> list[Batch]:
    """All batches of a stream, oldest first.

    Raises:
        InputError: ``bad_result``: a decision can't be read.
    """
    found = [Batch(path.parent, read_decision(path)) for path in run.glob("batches/*/decision.json")]
    for own in found:
        if (
            not isinstance(own.decision.get("stream"), dict)
            or not own.folder.name.partition("-")[0].isdigit()
        ):
            raise damaged(own.folder / "decision.json")
    return sorted(found, key=lambda own: own.number)


def folder_name(number: int, file: str) -> str:
    """The name of a batch's folder.

    >>> folder_name(3, "june 2026.csv")
    '0003-june-2026.csv'
    """
    word = re.sub(r"[^\w.-]+", "-", file)[-LONGEST_NAME:]
    return f"{number:04d}-{word}"


def write_json(path: Path, value: Any) -> None:
    """Write plain data as JSON, whole or not at all.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.
    """
    with disk_faults(path):
        write_whole(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no such file.

    Raises:
        InputError: ``bad_result``.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError):
        raise damaged(path) from None


def damaged(path: Path) -> InputError:
    """A file of the stream is not what was written."""
    return InputError(
        "bad_result",
        f"{path.name} of the watched stream is damaged.",
        {"file": str(path)},
        "Restore it from a copy. Without its batches a stream can't tell which files it has used.",
    )
