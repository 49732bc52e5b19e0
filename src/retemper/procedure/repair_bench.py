"""Where networks of a repair are made, trained and paid for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from retemper.core.records import Finding
from retemper.doctor.case import Task
from retemper.doctor.observe.loss_kind import LossFunction
from retemper.doctor.surgery.patient import Patient
from retemper.procedure.repair_fit import DEFAULT_BATCH, Training, Watch, examined, started
from retemper.procedure.repair_regimen import Regimen
from retemper.procedure.repair_rows import Rows, split

STEP_COST, MULTIPLY_COST = 1.0, 1e-6
"""What a step costs by itself, and for each row and each number of the network beside it."""


@dataclass
class Run:
    """One training and what it has cost.

    Args:
        regimen: how it is trained.
        member: of splits, starts and orders.
        stage: a round, or ``proof`` or ``last``.
        training: as far as it is.
        price: of an epoch, in original runs.
        findings: of the doctor, where it was there.
        cut: share of its epochs that counts: where it went down afterwards.
        network: as it ended, where it is kept.
    """

    regimen: Regimen
    member: int
    stage: str
    training: Training
    price: float
    findings: tuple[Finding, ...] | None = None
    cut: float = 1.0
    network: nn.Module | None = None

    @property
    def skill(self) -> float:
        """On the rows that judge, as of the last look."""
        return self.training.skill if self.cut == 1 else self._at(self.cut)

    @property
    def right(self) -> float:
        """Share of rows called right, as of the last look; of values the skill."""
        return self.training.right

    @property
    def share(self) -> float:
        """Of its epochs, what is done."""
        return self.training.epoch / self.training.epochs

    @property
    def cost(self) -> float:
        """So far."""
        return self.price * self.training.epoch

    def skill_at(self, share: float) -> float:
        """The skill after a share of the epochs that count."""
        return self._at(share * self.cut)

    def _at(self, share: float) -> float:
        return next((skill for at, skill in self.training.curve if at >= share - 1e-9), self.training.skill)

    def rest(self, share: float = 1.0) -> float:
        """What it costs to go on up to a share of the epochs."""
        return self.price * max(0, self.epoch_at(share) - self.training.epoch)

    def epoch_at(self, share: float) -> int:
        """The epoch that ends a share."""
        return max(1, round(share * self.training.epochs))

    def go_on(self, share: float) -> None:
        """Train up to a share of the epochs."""
        self.training.go_on(self.epoch_at(share))

    def end(self) -> None:
        """Keep the network, and give back the memory of all else."""
        self.network = self.training.end().network
        self.training.let_go()


@dataclass
class Bench:
    """Makes and counts runs.

    Args:
        make: gives a fresh network.
        loss: of (outputs, targets).
        task: of the targets.
        rows: all of them.
        seed: of all draws.
        watch: the doctor.
        budget: in original runs: each trains on all rows for all epochs.
    """

    make: Callable[[], nn.Module]
    loss: LossFunction
    task: Task
    rows: Rows
    seed: int
    watch: Watch
    budget: float
    runs: list[Run] = field(default_factory=list)
    numbers: dict[tuple[str, ...], int] = field(default_factory=dict)
    """Of a network's parameters, by the operations that it went through."""
    unit: float = 1.0
    """Cost of the original run."""

    def patient(self, regimen: Regimen, rows: Rows, member: int) -> Patient:
        """A fresh network after the regimen's operations."""
        return self._fresh(regimen, rows, member)[0]

    def _fresh(self, regimen: Regimen, rows: Rows, member: int) -> tuple[Patient, Tensor]:
        """The same, and PyTorch's generator as it stood when the network was made: the steps begin there, too, so that
        the order of rows is the same whatever operations have drawn.
        """
        batch = regimen.recipe.training.batch_size or DEFAULT_BATCH
        with started(self.seed, member):
            network = self.make()
            draws = torch.get_rng_state()
            return regimen.on(Patient(network, self.loss, rows.x, rows.y, self.task, batch)), draws

    def price(self, regimen: Regimen, rows: int) -> float:
        """Of an epoch on so many rows, in original runs."""
        batch = min(regimen.recipe.training.batch_size or DEFAULT_BATCH, rows)
        names = tuple(name for name, _ in regimen.mends)
        if names not in self.numbers:
            network = self.patient(regimen, self.rows, 0).network
            self.numbers[names] = sum(p.numel() for p in network.parameters())
        return (STEP_COST * math.ceil(rows / batch) + MULTIPLY_COST * rows * self.numbers[names]) / self.unit

    @property
    def splits(self) -> bool:
        """Whether there are enough rows to hold some out."""
        return self.training_rows < len(self.rows)

    def steps(self, regimen: Regimen) -> int:
        """Of a run on the rows that a split leaves."""
        batch = regimen.recipe.training.batch_size or DEFAULT_BATCH
        return regimen.recipe.training.epochs * math.ceil(self.training_rows / batch)

    def whole(self, regimen: Regimen) -> float:
        """Price of a run on all rows."""
        return regimen.recipe.training.epochs * self.price(regimen, len(self.rows))

    def part(self, regimen: Regimen) -> float:
        """Price of a run on the rows that a split leaves to train on."""
        return regimen.recipe.training.epochs * self.price(regimen, self.training_rows)

    @property
    def training_rows(self) -> int:
        """Rows that a split leaves to train on."""
        return len(split(self.rows, self.seed, 0)[0])

    def enter(self, regimen: Regimen, member: int, stage: str, parts: tuple[Rows, Rows] | None = None) -> Run:
        """A run at its beginning, put down in the table.

        Args:
            regimen: how it is trained.
            member: of the split, the start and the order of rows.
            stage: it belongs to.
            parts: rows to train on and to judge by; None: a split.
        """
        parts = parts or split(self.rows, self.seed, member)
        patient, draws = self._fresh(regimen, parts[0], member)
        training = regimen.recipe.training
        begun = Training(patient, training, training.epochs, parts, draws)
        run = Run(regimen, member, stage, begun, self.price(regimen, len(parts[0])))
        self.runs.append(run)
        return run

    def watched(self, regimen: Regimen, member: int, stage: str) -> Run:
        """A run to its end under the doctor's eyes."""
        run = self.enter(regimen, member, stage)
        found = examined(run.training, run.training.epochs, self.watch)
        run.findings = tuple(found.findings)
        return run

    @property
    def spent(self) -> float:
        """In original runs."""
        return sum(run.cost for run in self.runs)

    @property
    def left(self) -> float:
        """Of the budget."""
        return self.budget - self.spent
