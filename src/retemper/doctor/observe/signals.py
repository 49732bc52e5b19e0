"""What is seen of a network while it trains: gradients, steps, dead and saturated units, at some of the steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from retemper.core.records import NotApplicable
from retemper.doctor.looks import Signals
from retemper.doctor.observe.allowance import LARGE
from retemper.doctor.observe.losses import Losses
from retemper.doctor.observe.passes import Calls
from retemper.doctor.observe.plan import Plan
from retemper.doctor.observe.probe import Probe
from retemper.doctor.observe.weights import Weights, cosine, lengths, norm_of

OWN = 1.0
"""What a look costs beside its passes, in steps."""
PROBE_ROWS, LARGE_PROBE_ROWS = 256, 64
Hook = Callable[[Any, Any, Any], None]
DIRECTIONS, THEN_EVERY = 4, 5
"""Gradients are held against those of the probe at the first looks, then at every fifth: a sign does not turn."""


class Watched:
    """The signals of one training, seen through hooks of its optimizers; they go with :meth:`close`.

    A look begins after one step of the optimizer, when a sample of each weight is kept, and ends after the next one.
    Whatever goes wrong while looking ends the looking, not the training; ``failed`` then says what.

    Args:
        network: under training.
        optimizers: that train it; of several each one's own weights are seen at its own steps.
        rows: (inputs, targets) for the probe, or None: activations and the gradients' direction are not judged.
        loss: of (outputs, targets), or None.
    """

    def __init__(self, network: nn.Module, optimizers: Sequence[Any], rows: Any, loss: Any) -> None:
        self.non_finite: tuple[str, int] = ("", 0)
        self.failed = ""
        self._network, self._optimizers = network, list(optimizers)
        self._rows: list[dict[str, Any]] = []
        self._open: dict[str, Any] = {}
        self._ended: dict[str, Any] = {}
        self._steps, self._alone = [0] * len(self._optimizers), len(self._optimizers) == 1
        self._losses = Losses()
        self._spent = 0.0
        self._handles: list[Any] = []
        self._arrivals: list[Any] = []
        self._guarded(self._start)(rows, loss)

    @property
    def step(self) -> int:
        """Steps of the optimizer that took most."""
        return max(self._steps, default=0)

    @property
    def rows(self) -> int:
        """Of all batches so far; 0: not known."""
        return 0 if self.failed else self._calls.rows

    def close(self) -> None:
        """Take the hooks away."""
        for handle in self._handles + self._arrivals:
            handle.remove()
        self._handles, self._arrivals = [], []

    def after_step(self, loss: Tensor | float) -> None:
        """The training hands over a batch's loss."""
        self._losses.take(loss)
        if not self._alone:
            self._guarded(self._turn)()
        if self._ended:
            self._guarded(self._end)()

    def epoch_end(self) -> float | None:
        """An epoch is over: its mean loss, None where none was handed over; one of the next steps is looked at."""
        if not self.failed:
            self._plan.epoch_over()
        return self._losses.mean_since_epoch()

    def signals(self) -> Signals:
        """All looks so far.

        Raises:
            NotApplicable: looking failed before the first.
        """
        self._guarded(self._end)()
        rows, count = self._rows, len(self._rows)
        if self.failed and not rows:
            raise NotApplicable(f"the training could not be watched: {self.failed}")
        places = sorted({place for row in rows for kind in ("dead", "saturated") for place in row[kind]})

        def series(name: str) -> Any:
            return np.array([row[name] for row in rows], dtype=np.float64)

        def by_weight(name: str) -> Any:
            return series(name).reshape(count, len(self._weights.names))

        def by_place(name: str) -> Any:
            values = [[row[name].get(place, np.nan) for place in places] for row in rows]
            return np.array(values, dtype=np.float64).reshape(count, len(places))

        lost = self._losses.not_finite()
        return Signals(
            steps=series("step"),
            losses=series("loss"),
            probe_losses=series("probe_loss"),
            rates=series("rate"),
            gradients=by_weight("gradients"),
            weights=by_weight("weights"),
            updates=by_weight("updates"),
            travelled=by_weight("travelled"),
            dead=by_place("dead"),
            saturated=by_place("saturated"),
            along=series("along"),
            stale=series("stale"),
            taken=self.step,
            passes=self._calls.passes(),
            unchanged=self._weights.unchanged() if self.step else (),
            non_finite=min(
                [own for own in (("loss", lost), self.non_finite) if own[1]], key=_when, default=("", 0)
            ),
            names=self._weights.names,
            sizes=self._weights.sizes,
            activations=tuple(map(str, places)),
            optimizers=len(self._optimizers),
        )

    def _guarded(self, act: Callable[..., None]) -> Callable[..., None]:
        """A part of looking that can't fail into the training."""

        def guarded(*args: Any) -> None:
            if self.failed:
                return
            try:
                act(*args)
            except Exception as error:  # whatever it is, the training goes on
                self.failed = f"{type(error).__name__}: {error}"
                self.close()

        return guarded

    def _start(self, rows: Any, loss: Any) -> None:
        named = [(n, p) for n, p in self._network.named_parameters() if p.requires_grad and not is_lazy(p)]
        large = sum(p.numel() for _, p in named) >= LARGE
        self._weights = Weights(named, self._optimizers)
        self._probe = Probe(self._network, rows, loss, LARGE_PROBE_ROWS if large else PROBE_ROWS)
        self._calls, self._plan = Calls(self._network), Plan(large)
        self._handles.append(self._calls)
        for number, optimizer in enumerate(self._optimizers):
            self._handles.append(optimizer.register_step_pre_hook(self._hook_before(number)))
            self._handles.append(optimizer.register_step_post_hook(self._hook_after(number)))
        self._begin()

    # Most steps are not looked at: the hooks see to it that these cost next to nothing.
    def _hook_before(self, number: int) -> Hook:
        act = self._guarded(self._before_step)

        def hook(optimizer: Any, args: Any, kwargs: Any) -> None:
            if self._open or self._ended:
                act(number, _closure(optimizer, args, kwargs))

        return hook

    def _hook_after(self, number: int) -> Hook:
        act, steps, plan = self._guarded(self._after_step), self._steps, self._plan

        def hook(optimizer: Any, args: Any, kwargs: Any) -> None:
            steps[number] += 1
            if self._open or (self._alone and steps[0] + 1 >= plan.due):
                act(number, _closure(optimizer, args, kwargs))

        return hook

    def _price(self, directed: bool) -> float:
        """Of a look, in steps of the training: a pass backward costs two forward."""
        batch = self._calls.rows / max(self.step, 1) or self._probe.count or 1
        return OWN + (OWN if directed else 0.0) + self._probe.count * (4 if directed else 1) / (3 * batch)

    def _directed(self) -> bool:
        looks = len(self._rows) + bool(self._ended)
        return looks < DIRECTIONS or looks % THEN_EVERY == 0

    def _begin(self) -> None:
        self._plan.begun()
        self._weights.keep()
        self._open = {"along": math.nan}
        if self._alone:  # of several, one's loss brings gradients to the other's weights
            for number, weight in enumerate(self._weights.tensors):
                self._arrivals.append(weight.register_hook(self._arrived(number)))  # type: ignore[no-untyped-call]

    def _arrived(self, number: int) -> Callable[[Tensor], None]:
        """What a weight's gradient holds when the first backward pass after a step comes to it."""
        weight, left = self._weights.tensors[number], self._weights.left

        def note(gradient: Tensor) -> None:
            if number not in left:
                left[number] = (norm_of(weight.grad), norm_of(gradient))

        guarded = self._guarded(note)
        return lambda gradient: guarded(gradient)

    def _before_step(self, number: int, closure: bool) -> None:
        self._end()
        if self._open and "updates" not in self._open and not closure and not self._skips(number):
            self._look_at_gradients(number)

    def _skips(self, number: int) -> bool:
        """Whether a fused optimizer will leave this step out: its scaler found gradients that overflow."""
        found = getattr(self._optimizers[number], "found_inf", None)
        return found is not None and float(found) > 0

    def _look_at_gradients(self, number: int) -> None:
        for handle in self._arrivals:
            handle.remove()
        self._arrivals = []
        mine = self._weights.of(number)
        gradients = [self._weights.tensors[k].grad for k in mine]
        scale = getattr(self._optimizers[number], "grad_scale", None)
        if scale is not None:  # of a fused optimizer under a GradScaler; norms of scaled ones may overflow
            gradients = [own if own is None else own / scale for own in gradients]
        norms = np.array(lengths(gradients))
        self._open.setdefault("gradients", self._weights.blank())[mine] = norms
        if not np.isfinite(norms).all():
            self._not_finite("gradient", self.step + 1)
        if self._directed() and math.isnan(self._open["along"]):
            self._open["directed"] = True
            with self._calls.paused():
                true = self._probe.gradients([self._weights.tensors[k] for k in mine])
            self._open["along"] = cosine(gradients, true)

    def _after_step(self, number: int, closure: bool) -> None:
        if self._open and closure:  # the gradients came during the step
            self._weights.left.clear()
            self._look_at_gradients(number)
        if "gradients" in self._open:
            mine = self._weights.of(number)
            self._open.setdefault("updates", self._weights.blank())[mine] = self._weights.moved(mine)
            self._open["rate"] = max(
                float(group["lr"]) for own in self._optimizers for group in own.param_groups
            )
        if self._alone:
            self._turn()

    def _turn(self) -> None:
        """The step that was looked at is taken; the next look begins where one is due."""
        if "updates" in self._open:
            self._ended, self._open = self._open, {}
            self._ended |= {"step": self.step, "stale": self._weights.staleness()}
            self._weights.left.clear()
            self._spent += self._price("directed" in self._ended)
            self._plan.looked(self.step, self._spent, self._price(self._directed()))
        if not self._open and self.step + 1 >= self._plan.due:
            self._begin()

    def _end(self) -> None:
        """What a look sees of the network after the step."""
        if not self._ended:
            return
        row, self._ended = self._ended, {}
        with self._calls.paused():
            seen = self._probe.look()
        weights = np.array(lengths(self._weights.tensors))
        if not np.isfinite(weights).all():
            self._not_finite("parameter", self.step)
        row |= {
            "loss": self._losses.latest(),
            "probe_loss": seen.loss,
            "dead": seen.dead,
            "saturated": seen.saturated,
        }
        self._rows.append(row | {"weights": weights, "travelled": self._weights.travelled()})

    def _not_finite(self, what: str, step: int) -> None:
        if not self.non_finite[1]:
            self.non_finite = (what, step)


def _closure(optimizer: Any, args: Any, kwargs: Any) -> bool:
    """Whether a step is given a function that calculates gradients anew."""
    return any(callable(own) for own in (*args, *kwargs.values()) if own is not optimizer)


def _when(own: tuple[str, int]) -> int:
    return own[1]
