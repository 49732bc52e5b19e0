"""The loop, one for every training: a single network is a stack of one.

    rates, order, masks ← tables of the epoch                (on_epoch_start)
    for each step:
        gradients ← engine(parameters, batch)                for all members at once, in micro-batches
        gradients ← gradients + penalties (L1, L2), clipped
        parameters ← (1 − rate·decay)·parameters + rate·direction
        parameters ← drawn to their anchor
                                                             (on_step_end)
        stop here if the deadline has passed
    val_loss ← validation rows, in evaluation mode           (on_epoch_end)

Callbacks run in one order, the order of :func:`retemper.training.job.callbacks_of`; whatever else a training
can do is one of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.core.budget import Deadline
from retemper.core.memory import keep_freed
from retemper.training.anchor import Pull
from retemper.training.batches import Batch, batches
from retemper.training.callback import Callback, joining_steps
from retemper.training.copies_loss import CopiesLoss
from retemper.training.draws import EpochDraws
from retemper.training.engines import ENGINES, Name, dense
from retemper.training.initialisers import Initialiser
from retemper.training.judging import Verdict, judge
from retemper.training.lesson import TaughtLoss
from retemper.training.loss import Loss
from retemper.training.meetings import Meetings
from retemper.training.optimizers import Optimizer
from retemper.training.penalties import add_penalties, clip
from retemper.training.plan import Fit, Plan, Rows
from retemper.training.precision import compute_dtype
from retemper.training.stack import Stack


class Training:
    """A training under way; callbacks read and steer it.

    Attributes:
        epoch: epochs done; step: steps done in all.
        losses: [steps of the epoch, M] loss of each batch.
        verdict: of the epoch just ended; ``val_loss`` [M] is its plain loss (NaN without validation rows).
        factors: [M] what callbacks multiply the members' rates by (on_plateau).
        over: the deadline has passed, which ends the training.
    """

    def __init__(
        self,
        plan: Plan,
        callbacks: Sequence[Callback],
        deadline: Deadline | None = None,
        engine: Name = "dense",
    ) -> None:
        options = plan.options
        assert isinstance(options.optimizer.options, Optimizer)
        self.plan = plan
        self.callbacks = callbacks
        self.deadline = deadline or Deadline()
        self.optimizer = options.optimizer.options
        self.engine = ENGINES[engine]
        self.stack = Stack(
            replace(plan.network, still=plan.still),
            plan.members,
            self.optimizer.slots,
            plan.own,
            device=plan.train.x.device,
            dtype=plan.train.x.dtype,
        )
        self.compute_dtype = compute_dtype(options.mixed_precision, self.stack.device, self.stack.dtype)
        self.epoch = 0
        self.step = 0
        self._count = torch.zeros((), device=self.stack.device)
        self.factors = np.ones(len(plan.members))
        nothing = np.full(len(plan.members), np.nan)
        self.verdict = Verdict(nothing, nothing, np.ones(len(plan.members)))
        self.losses = torch.zeros(0)
        self._last = torch.zeros(0), torch.zeros(0)
        self.over = False
        self.fits: dict[int, Fit] = {}
        self._schedule = _schedule_factors(plan)
        self._loss, self._rows = _taught(plan)
        self._meetings = Meetings(plan)
        self._still = self.stack.layout.places(plan.still)
        self._decaying = self._decaying_places()
        self._pull = plan.anchor and Pull(plan.anchor, self.stack, self._still)
        weight = plan.class_weight
        self._class_weight = None if weight is None else torch.from_numpy(weight).to(plan.train.x)

    @property
    def val_loss(self) -> NDArray[np.float64]:
        """[M] the plain validation loss of the epoch just ended."""
        return self.verdict.loss

    def run(self) -> list[Fit]:
        """Train to the end; the members' fits in the order of the plan."""
        keep_freed()
        if self.step == 0:
            self.initialise()
        while self.epoch < (self.plan.until or self.plan.epochs) and len(self.stack) and not self.over:
            with torch.inference_mode(self.engine is dense), torch.no_grad():
                self._epoch()
        return [self.fits[member.id] for member in self.plan.members]

    def initialise(self) -> None:
        """Draw the members' parameters, or take them, as the plan says."""
        plan, options = self.plan, self.plan.options
        if plan.start is not None:
            self.stack.begin_at(plan.start)
            return
        initialiser = options.initialiser.options
        if isinstance(initialiser, Initialiser) and initialiser.as_drawn:
            self.stack.initialise(initialiser, plan.seed)
        else:
            self.stack.initialise(initialiser, plan.seed, plan.output_bias, options.head_scale)

    def keep(self, slots: Sequence[int]) -> None:
        """Drop all members but those in ``slots``."""
        self.stack.keep(slots)
        if self._pull:
            self._pull.keep(slots)
        self.factors = self.factors[list(slots)]
        old = self.verdict
        self.verdict = Verdict(*(values[list(slots)] for values in (old.loss, old.judged, old.scale)))
        self.losses = self.losses[:, list(slots)]

    def _emit(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self)

    def _epoch(self) -> None:
        plan, stack = self.plan, self.stack
        self._emit("on_epoch_start")
        orders = self._meetings.of_epoch(stack.members, self.epoch)
        rates, keeps = self._rate_tables(steps := len(orders))
        momenta = self.optimizer.momenta([m.momentum for m in stack.members], stack.buffers["parameters"])
        draws = EpochDraws(stack, plan.seed, self.epoch, self.compute_dtype)
        self.losses = torch.zeros((steps, len(stack)), dtype=stack.dtype, device=stack.device)
        first, joining = self.step, joining_steps(self.callbacks)
        losses: list[Tensor] = []
        parts = _micro_batches(orders.batch_rows, plan.options.accumulate_steps)
        outputs = plan.network.head.outputs
        goal = partial(
            self._loss.goal, outputs=outputs, class_weight=self._class_weight, smoothing=self._smoothing()
        )
        for batch in batches(self._rows, orders, goal, outputs):
            now = self.step - first
            losses.append(self._gradients(batch, draws, parts))
            add_penalties(stack, plan.options.l1, plan.options.l2, self._decaying)
            for place in self._still:
                stack.buffers["gradients"][:, place] = 0
            clip(stack, plan.options.clip_norm)
            self._move(rates[now], keeps[now], momenta)
            for join in joining:
                join(self)
            if self.deadline.passed(self.step):
                self.over = True
                break
            del batch  # lets go of rows at hand before others are copied
        self.losses = torch.stack(losses)
        self.epoch += 1
        self.verdict = self.validate()
        self._emit("on_epoch_end")

    def _gradients(
        self,
        batch: Batch,
        draws: EpochDraws,
        parts: Sequence[slice],
    ) -> Tensor:
        """Fill the gradient buffer from one batch; the losses [M]."""
        stack = self.stack
        parameters = self._compute_parameters()
        sums: list[tuple[Tensor, Tensor]] = []
        for part in batch.cut(parts):
            own = partial(self._loss.value_and_gradient, goal=part.goal)
            loss = self.engine(stack, parameters, *part.inputs(), draws, own)
            if len(parts) == 1:
                return loss
            sums.append((loss, stack.buffers["gradients"].clone()))
        stack.buffers["gradients"].copy_(torch.stack([gradient for _, gradient in sums]).sum(0))
        return torch.stack([loss for loss, _ in sums]).sum(0)

    def _move(self, rate: Tensor, keep: Tensor | None, momentum: Tensor | None) -> None:
        """One step of the optimizer at the members' rates and momenta [M, 1]; ``keep`` is 1 − rate·decay."""
        buffers = self.stack.buffers
        self.step += 1
        self._count.fill_(self.step)
        direction = self.optimizer.direction(buffers["gradients"], buffers, self._count, momentum)
        if keep is not None:
            for place in self._decaying:
                buffers["parameters"][:, place].mul_(keep)
        buffers["parameters"].addcmul_(direction, rate)
        if self._pull:
            metric = self.optimizer.metric(buffers, self._count, momentum)
            self._pull.move(buffers["parameters"], rate, metric)
        self._last = direction, rate

    def last_update(self) -> Tensor:
        """[M, P] what the last step added to the parameters, decay and anchor left out."""
        direction, rate = self._last
        return direction * rate

    def last_rates(self) -> list[float]:
        """The members' learning rates in the last step."""
        return [float(rate) for rate in self._last[1].flatten()]

    def _decaying_places(self) -> list[slice]:
        """Where the decay and the penalties reach."""
        layout, every = self.stack.layout, self.optimizer.decay_biases
        names = {p.name for p in layout.parameters if p.decays or every}
        return layout.places(names - set(self.plan.still))

    def _rate_tables(self, steps: int) -> tuple[Sequence[Tensor], Sequence[Tensor | None]]:
        """For each step of the epoch the rates [M, 1] and, where anyone decays, 1 − rate·decay."""
        members = self.stack.members
        place = slice(self.step, self.step + steps)
        if self.plan.rates is not None:
            rates = self.plan.rates[place][:, self._slots()]
        else:
            base = np.array([member.learning_rate for member in members]) * self.factors
            rates = self._schedule[place][:, self._slots()] * base
        decay = np.array([member.weight_decay for member in members])
        keep = 1.0 - rates * decay if decay.any() else None
        return self._table(rates), [None] * steps if keep is None else self._table(keep)

    def _table(self, values: NDArray[np.float64]) -> Sequence[Tensor]:
        return torch.from_numpy(values).to(self.stack.device, self.stack.dtype).unsqueeze(2).unbind(0)

    def _smoothing(self) -> Tensor | float:
        values = [member.label_smoothing for member in self.stack.members]
        if not any(values):
            return 0.0
        return torch.tensor(values, device=self.stack.device, dtype=self.stack.dtype).unsqueeze(1)

    def _compute_parameters(self) -> Any:
        if self.compute_dtype == self.stack.dtype:
            return self.stack.parameters
        return self.stack.layout.views(self.stack.buffers["parameters"].to(self.compute_dtype))

    def validate(self) -> Verdict:
        """Each member's weighted mean loss on the rows that judge it."""
        held_out = None if self.plan.held_out is None else self.plan.held_out[self._slots()]
        return judge(self.plan, self.stack, held_out)

    def best_row(self, slot: int) -> Tensor:
        """A member's parameters [P] as they are judged: the head scaled, so that it is as sure as it may be."""
        row = self.stack.buffers["parameters"][slot].clone()
        if self.verdict.scale[slot] != 1:
            views = self.stack.layout.views(row.unsqueeze(0))
            for parameter in self.stack.layout.parameters:
                if parameter.role in ("head_weight", "head_bias"):
                    views[parameter.name].mul_(float(self.verdict.scale[slot]))
        return row

    def _slots(self) -> list[int]:
        """The places in the plan of the members that still train."""
        place = {member.id: number for number, member in enumerate(self.plan.members)}
        return [place[member.id] for member in self.stack.members]


def _schedule_factors(plan: Plan) -> NDArray[np.float64]:
    """[steps, M] what the members' rates are multiplied by."""
    steps = plan.steps_per_epoch
    shapes: dict[str, NDArray[np.float64]] = {}
    for member in plan.members:
        key = json.dumps(member.schedule)
        if key not in shapes:
            own: Any = member.schedule_of(plan.options.schedule).options
            shapes[key] = np.asarray(own.factors(plan.epochs * steps, steps), dtype=np.float64)
    return np.stack([shapes[json.dumps(member.schedule)] for member in plan.members], 1)


def _taught(plan: Plan) -> tuple[Loss | CopiesLoss | TaughtLoss, Rows]:
    """The loss that is learnt from, and the rows with what its goals are made of."""
    loss, rows = plan.network_loss, plan.train
    if plan.lesson:
        return TaughtLoss(loss, plan.network.head.outputs, plan.lesson, rows.y, rows.x), rows.numbered()
    return loss, rows


def _micro_batches(stored: int, count: int) -> list[slice]:
    """A batch of ``stored`` rows cut into ``count`` parts of whole lanes (fewer when there are not as many)."""
    size = -(-stored // count)
    size = -(-size // 32) * 32
    return [slice(start, min(start + size, stored)) for start in range(0, stored, size)]
