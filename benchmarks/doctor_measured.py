"""What doctor.py measured of each program, kept on the disk so that it can go on where it was stopped."""

from __future__ import annotations

import json
import pickle
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from doctor_programs import Program
from doctor_training import Ran, run

SEEDS = (0, 1, 2)
HARM = 0.03
"""A fault does harm when the median score of the seeds is so much below its healthy twin's."""


@dataclass(frozen=True)
class Measured:
    """A program, its scores by seed, and the watched training of the first seed."""

    program: Program
    scores: tuple[float, ...]
    ran: Ran

    @property
    def score(self) -> float:
        return statistics.median(self.scores)


class Store:
    """Scores and watched trainings in a folder, made when they are missing.

    Args:
        folder: of the files; it must hold nothing else.
        until: `time.monotonic` at which nothing new is begun.
    """

    def __init__(self, folder: Path, until: float) -> None:
        self._folder, self._until = folder, until
        folder.mkdir(parents=True, exist_ok=True)

    def watched(self, program: Program) -> Ran | None:
        """The watched training of the first seed; None where time is up."""
        path = self._path(program, "watched.pickle")
        if path.exists():
            return pickle.loads(path.read_bytes())  # our own file
        if time.monotonic() > self._until:
            return None
        ran = run(program, SEEDS[0], watched=True)
        path.write_bytes(pickle.dumps(ran))
        self._write_score(program, SEEDS[0], ran.score)
        return ran

    def scores(self, program: Program, seeds: Iterable[int] = SEEDS) -> tuple[float, ...] | None:
        """Scores of unwatched trainings; None where time is up."""
        path = self._path(program, "scores.json")
        for seed in seeds:
            known = json.loads(path.read_text()) if path.exists() else {}
            if str(seed) in known:
                continue
            if time.monotonic() > self._until:
                return None
            self._write_score(program, seed, run(program, seed, watched=False).score)
        known = json.loads(path.read_text())
        return tuple(known[str(seed)] for seed in seeds)

    def measured(self, program: Program, seeds: Iterable[int] = SEEDS) -> Measured | None:
        """Both; None where time is up."""
        ran = self.watched(program)
        scores = self.scores(program, seeds) if ran else None
        return Measured(program, scores, ran) if ran and scores else None

    def _write_score(self, program: Program, seed: int, score: float) -> None:
        path = self._path(program, "scores.json")
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, str(seed): score}))

    def _path(self, program: Program, ending: str) -> Path:
        name = "".join(each if each.isalnum() else "_" if each != "÷" else "d" for each in program.name)
        return self._folder / f"{name}.{ending}"


def harmful(mutant: Program, own: tuple[float, ...], healthy: tuple[float, ...]) -> bool:
    """By the description where it says so, else by the scores."""
    if mutant.harmful is not None:
        return mutant.harmful
    return statistics.median(healthy) - statistics.median(own) > HARM
