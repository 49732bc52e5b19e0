"""Training a person's own network by a recipe's ``training``: a plain loop, with the doctor beside it or not."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from retemper.core import seeds
from retemper.core.recipe_sections import TrainingOptions
from retemper.doctor.case import Wants
from retemper.doctor.examine import Examined
from retemper.doctor.observe.forward import evaluating, follow
from retemper.doctor.observe.loss_kind import ask
from retemper.doctor.observe.start import first_tensor
from retemper.doctor.surgery.patient import Patient
from retemper.procedure.repair_rows import Rows
from retemper.procedure.repair_score import WORST, Score, score_of
from retemper.training.plateau import OnPlateau, OnPlateauState

DEFAULT_BATCH = 32
LOOKS = 40
"""So many times in a run the held-out rows are scored at least, where there are as many epochs."""
SLOW = 0.5
"""Of a schedule's highest factor; one that ends lower is made to end there."""
Watch = Callable[..., Any]


@dataclass(frozen=True)
class Trained:
    """A training's end.

    Args:
        network: in evaluation mode.
        score: on the rows that judge.
        curve: by share of the epochs done, the skill then.
    """

    network: nn.Module
    score: Score
    curve: tuple[tuple[float, float], ...]

    def skill_at(self, share: float) -> float:
        """The skill after a share of the epochs."""
        return next((skill for at, skill in self.curve if at >= share - 1e-9), self.score.skill)


@contextmanager
def started(seed: int, member: int) -> Iterator[None]:
    """PyTorch's generator as a training begins with it: that of member 0 is ``torch.manual_seed(seed)``, by itself.

    So a plain loop with that seed (a network, a permutation of the rows an epoch) trains what member 0 trains.
    """
    with seeded(seed, "repair.start", member):
        if member == 0:
            torch.manual_seed(seed)
        yield


@contextmanager
def seeded(seed: int, purpose: str, member: int) -> Iterator[None]:
    """PyTorch's generator at a state of its own, and afterwards as before."""
    number = int(seeds.generator(seed, purpose, member).integers(2**31))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number)
        yield


def train(patient: Patient, options: TrainingOptions, epochs: int, rows: tuple[Rows, Rows]) -> Trained:
    """A training from beginning to end; draws come from PyTorch's generator as it stands."""
    training = Training(patient, options, epochs, rows)
    training.go_on(epochs)
    return training.end()


def examined(training: Training, until: int, watch: Watch) -> Examined:
    """Train up to an epoch under the doctor's eyes, and tell what was found.

    Args:
        training: at its beginning.
        until: an epoch.
        watch: :func:`retemper.watch`.
    """
    train_rows, held_out = training.train, training.held_out
    patient = training.patient
    doctor = watch(
        patient.network,
        training.optimizer,
        loss=patient.loss,
        task=patient.task,
        train_data=(train_rows.x, train_rows.y),
        val_data=(held_out.x, held_out.y) if held_out is not train_rows else None,
    )
    with doctor:
        training.go_on(until, doctor)
    found: Examined = doctor.examined()
    return found


class Training:
    """A training that can be interrupted, judged, and gone on with.

    Args:
        patient: network and loss; the network is trained in place.
        options: how; ``epochs`` of it is not looked at.
        epochs: passes over the training rows that are planned; schedules end there.
        rows: to train on and to judge by.
        draws: state of PyTorch's generator; None: as it stands.
    """

    def __init__(
        self,
        patient: Patient,
        options: TrainingOptions,
        epochs: int,
        rows: tuple[Rows, Rows],
        draws: Tensor | None = None,
    ) -> None:
        self.draws = torch.get_rng_state() if draws is None else draws
        self.patient, self.options, self.epochs = patient, options, epochs
        self.train, self.held_out = rows
        self.weights = [p for p in patient.network.parameters() if p.requires_grad]
        biases_too = _of(options, "decay_biases")
        self.penalised: list[Tensor] = [p for p in self.weights if p.dim() > 1 or biases_too]
        self.optimizer = torch_optimizer(options, self.weights)
        self.batch = min(options.batch_size or DEFAULT_BATCH, len(self.train))
        self.steps = max(1, -(-len(self.train) // self.batch))
        schedule = cast("Any", options.schedule.options)
        self.factors = schedule.factors(self.steps * epochs, self.steps)
        self.plateau = OnPlateauState(schedule) if isinstance(schedule, OnPlateau) else None
        self.patience = options.patience_epochs
        """Epochs without a gain after which it ends with its best; 0: it doesn't look for one."""
        self.every = 1 if self.plateau or options.patience_epochs else max(1, epochs // LOOKS)
        self.curve: list[tuple[float, float]] = []
        self.best: tuple[float, int, Any] = (-2.0, 0, None)
        self.outputs_are = self._outputs_are()
        self.epoch = self.step = 0
        self.right = 0.0
        self.stopped = False
        self.least = _fewest_rows(patient.network, self.train) if len(self.train) % self.batch == 1 else 1

    def go_on(self, until: int, doctor: Any = None) -> None:
        """Train up to an epoch, which may be beyond those planned: factors of the schedule stay as at its end.

        Draws come from PyTorch's generator as it stood when the training was made or interrupted.
        """
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.draws)
            while self.epoch < until and not self.stopped:
                self._pass(doctor)
            self.draws = torch.get_rng_state()

    def let_go(self) -> None:
        """Keep the curve, and give back the memory of all else."""
        del self.patient, self.optimizer, self.weights, self.penalised, self.train, self.held_out, self.best

    @property
    def skill(self) -> float:
        """As of the last look."""
        return self.curve[-1][1] if self.curve else WORST

    @property
    def settles(self) -> bool:
        """Whether the schedule has slowed down by its end, so that more epochs would hardly move anything."""
        return float(self.factors[-1]) < SLOW * float(max(self.factors))

    def _pass(self, doctor: Any) -> None:
        if self.epoch == 0:
            self.patient.network.train()
        for part in torch.split(torch.randperm(len(self.train)), self.batch):
            if len(part) >= self.least:
                self._step(part, doctor)
            self.step += 1
        self.epoch += 1
        self.stopped = self._judge(doctor)

    def _step(self, part: Tensor, doctor: Any) -> None:
        own, rate = self.options, _of(self.options, "learning_rate")
        factor = float(self.factors[min(self.step, len(self.factors) - 1)]) * (
            self.plateau.factor if self.plateau else 1.0
        )
        batch = self.train.take(part)
        loss = self.patient.loss(self.patient.network(*batch.arguments), batch.y)
        total = loss
        if own.l1:
            total = total + own.l1 * sum(p.abs().sum() for p in self.penalised)
        if own.l2:
            total = total + own.l2 / 2 * sum((p**2).sum() for p in self.penalised)
        self.optimizer.zero_grad()
        total.backward()
        if own.clip_norm:
            nn.utils.clip_grad_norm_(self.weights, own.clip_norm)
        decay = _of(own, "weight_decay")
        if decay:
            with torch.no_grad():
                torch._foreach_mul_(self.penalised, 1 - rate * factor * decay)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * factor
        self.optimizer.step()
        if doctor is not None:
            doctor.step(loss)

    def _judge(self, doctor: Any) -> bool:
        """Score, tell the doctor, and say whether to stop early."""
        epoch = self.epoch
        if epoch % self.every and epoch != self.epochs:
            return False
        outputs, value = self._look()
        score = score_of(outputs, self.held_out.y, self.patient.task, self.outputs_are)
        self.curve.append((epoch / self.epochs, score.skill))
        self.right = score.right
        if self.plateau is not None:
            self.plateau.update(value)
        if doctor is not None:
            held_out = {} if self.held_out is self.train else {"val_loss": value}
            doctor.epoch(epoch=epoch, **held_out, learning_rate=float(self.optimizer.param_groups[0]["lr"]))
        if not self.patience:
            return False
        if score.skill > self.best[0]:
            self.best = (score.skill, epoch, copy.deepcopy(self.patient.network.state_dict()))
        return epoch - self.best[1] >= self.patience

    def _look(self) -> tuple[Tensor | None, float]:
        with torch.no_grad(), evaluating(self.patient.network):
            outputs = self.patient.network(*self.held_out.arguments)
            value = float(self.patient.loss(outputs, self.held_out.y))
        return first_tensor(outputs), value

    def _outputs_are(self) -> Wants:
        outputs = self.patient.outputs()
        return ask(self.patient.loss, outputs, self.patient.y[: len(outputs)]).wants

    def end(self) -> Trained:
        """The network as it stands, in evaluation mode; the best one where patience looked for it."""
        if self.best[2] is not None:
            self.patient.network.load_state_dict(self.best[2])
        self.patient.network.eval()
        outputs, _ = self._look()
        score = score_of(outputs, self.held_out.y, self.patient.task, self.outputs_are)
        return Trained(self.patient.network, score, tuple(self.curve))


def _fewest_rows(network: nn.Module, rows: Rows) -> int:
    """Rows that a step takes at least: two, where a batch's statistics would be those of one number a channel."""
    operations = follow(network, rows.take(torch.arange(1)).x).operations
    shapes = [own.shape for own in operations if own.name == "batch_norm"]
    return 2 if any(math.prod(shape[2:]) == 1 for shape in shapes) else 1


def torch_optimizer(options: TrainingOptions, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
    """PyTorch's optimizer of a recipe's name and options; the decoupled decay is the loop's."""
    name, rate = options.optimizer.name, _of(options, "learning_rate")
    if name in ("sgd", "momentum", "nesterov"):
        momentum = 0.0 if name == "sgd" else _of(options, "momentum")
        return torch.optim.SGD(weights, rate, momentum=momentum, nesterov=name == "nesterov")
    if name == "rmsprop":
        return torch.optim.RMSprop(weights, rate, alpha=_of(options, "alpha"), eps=_of(options, "epsilon"))
    betas = (_of(options, "beta1"), _of(options, "beta2"))
    return torch.optim.Adam(weights, rate, betas=betas, eps=_of(options, "epsilon"))


def _of(options: TrainingOptions, name: str) -> Any:
    return getattr(options.optimizer.options, name)
