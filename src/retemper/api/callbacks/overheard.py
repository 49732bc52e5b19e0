"""The first batch of someone else's loop, overheard: which network is asked, with what, and which loss judges it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as modules
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from retemper.doctor.observe.rows import TARGETS, parts_of

LOSSES = frozenset(
    """cross_entropy nll_loss binary_cross_entropy binary_cross_entropy_with_logits mse_loss l1_loss smooth_l1_loss
    huber_loss kl_div poisson_nll_loss soft_margin_loss multilabel_soft_margin_loss multi_margin_loss
    hinge_embedding_loss""".split()  # noqa: SIM905
)
"""PyTorch's losses of (outputs, targets)."""


@dataclass(frozen=True)
class HeardLoss:
    """A call of one of PyTorch's losses, to be made again for other outputs and targets.

    Args:
        function: of ``torch.nn.functional``.
        input_shape, target_shape: that it was called with.
        rest: its other arguments by position.
        options: its other arguments by name.
    """

    function: Callable[..., Tensor]
    input_shape: torch.Size
    target_shape: torch.Size
    rest: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, outputs: Any, targets: Tensor) -> Tensor:
        """The loss of what the network gives.

        >>> own = HeardLoss(nn.functional.mse_loss, torch.Size([4]), torch.Size([4]))
        >>> float(own(torch.ones(2, 1), torch.zeros(2)))
        1.0
        """
        own = _as_heard(tensor_of(outputs), self.input_shape)
        return self.function(own, _as_heard(targets, self.target_shape), *self.rest, **self.options)


@dataclass(frozen=True)
class FirstBatch:
    """What was overheard; None where it could not be told, and ``why`` says the reason.

    Args:
        network: that was asked.
        x, y: its inputs, and the targets that the loss held its outputs against; rows first.
        loss: that was called with its outputs.
    """

    network: nn.Module | None = None
    x: Any = None
    y: Tensor | None = None
    loss: HeardLoss | None = None
    why: str = ""


@dataclass(frozen=True)
class _Call:
    network: nn.Module
    args: tuple[Any, ...]
    options: Mapping[str, Any]
    outputs: Any


class Overheard(TorchFunctionMode):
    """Listens to a thread's calls of modules and losses until the first backward pass.

    Args:
        then: called once, before that backward pass, with what was heard; no weight has moved yet.

    >>> net, heard = nn.Linear(3, 1), []
    >>> listening = Overheard(heard.append)
    >>> listening.start()
    >>> nn.functional.mse_loss(net(torch.ones(4, 3)), torch.zeros(4, 1)).backward()
    >>> listening.stop()
    >>> heard[0].network is net, heard[0].x.shape, heard[0].loss.function.__name__
    (True, torch.Size([4, 3]), 'mse_loss')
    """

    def __init__(self, then: Callable[[FirstBatch], None]) -> None:
        super().__init__()
        self._then: Callable[[FirstBatch], None] | None = then
        self._depth = 0
        self._calls: list[_Call] = []
        self._losses: list[tuple[Callable[..., Tensor], tuple[Any, ...], dict[str, Any], Tensor]] = []
        self._handles: list[Any] = []
        self._on = False

    def start(self) -> None:
        """Begin to listen."""
        self._handles = [
            register_module_forward_pre_hook(self._called),
            register_module_forward_hook(self._answered, with_kwargs=True),
        ]
        self._on = True
        self.__enter__()  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """Listen no more; what was heard is forgotten."""
        if self._on:
            self._on = False
            self._deaf()
            self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "backward" and self._then is not None:
            then, heard = self._then, self._heard(args[0] if args else None)
            self._deaf()
            then(heard)
        result = func(*args, **options)
        if name in LOSSES and self._then is not None:
            self._losses.append((func, args, options, result))
        return result

    def _deaf(self) -> None:
        for handle in self._handles:
            handle.remove()
            # PyTorch 2.13 forgets this mark of a hook, and from then on takes every module for one that is listened to.
            getattr(modules, "_global_forward_hooks_with_kwargs", {}).pop(handle.id, None)
        self._then, self._handles, self._calls, self._losses = None, [], [], []

    def _called(self, module: nn.Module, args: Any) -> None:
        self._depth += 1

    def _answered(self, module: nn.Module, args: Any, options: Any, outputs: Any) -> None:
        self._depth -= 1
        if not self._depth and not isinstance(module, nn.modules.loss._Loss):
            self._calls.append(_Call(module, args, options, outputs))

    def _heard(self, backed: Any) -> FirstBatch:
        """One network and the loss of its outputs, as far as there is one of each."""
        calls = [call for call in self._calls if any(True for _ in call.network.parameters())]
        if len(calls) != 1:
            return FirstBatch(why=f"{len(calls)} networks were asked before the first backward pass, not one")
        call = calls[0]
        inputs, labels = _inputs_of(call)
        outputs = tensor_of(call.outputs)
        judged = [own for own in self._losses if _same(_part(own, 0, "input"), outputs)]
        if inputs is None or outputs is None or len(judged) != 1:
            why = "which loss judges the network's outputs could not be overheard: give loss=…"
            return FirstBatch(call.network, inputs, labels, why=why)
        target = _by_rows(_part(judged[0], 1, "target"), len(outputs))
        if target is None:
            return FirstBatch(call.network, inputs, labels, why="the loss's targets are not row by row")
        return FirstBatch(call.network, inputs, target, _replayed(judged[0], backed))


def tensor_of(outputs: Any) -> Any:
    """The tensor that a loss is asked about among what a network gives: ``logits``, or the first of several.

    >>> tensor_of({"loss": torch.tensor(1.0), "logits": torch.ones(2)})
    tensor([1., 1.])
    """
    if isinstance(outputs, Tensor):
        return outputs
    if hasattr(outputs, "logits"):
        return outputs.logits
    if isinstance(outputs, Mapping):
        rows = (own for own in outputs.values() if isinstance(own, Tensor) and own.dim())
        return outputs["logits"] if "logits" in outputs else next(rows, None)
    return tensor_of(outputs[0]) if isinstance(outputs, tuple | list) and outputs else None


def _inputs_of(call: _Call) -> tuple[Any, Tensor | None]:
    """What the network was given, as one tensor, a tuple or a mapping; labels among it apart."""
    options = {name: own for name, own in call.options.items() if isinstance(own, Tensor) and own.dim()}
    labels = next((options.pop(name) for name in TARGETS if name in options), None)
    if call.args and options:
        return None, labels
    if not call.args:
        return options or None, labels
    given = call.args[0] if len(call.args) == 1 else call.args
    return (given if parts_of(given) else None), labels


def _part(heard: tuple[Any, tuple[Any, ...], dict[str, Any], Tensor], place: int, name: str) -> Any:
    _, args, options, _ = heard
    return args[place] if len(args) > place else options.get(name)


def _same(judged: Any, outputs: Any) -> bool:
    """The same numbers in the same order, whatever their shape and precision."""
    if not isinstance(judged, Tensor) or not isinstance(outputs, Tensor) or judged.numel() != outputs.numel():
        return False
    return torch.equal(judged.detach().float().flatten(), outputs.detach().float().flatten())


def _by_rows(target: Any, rows: int) -> Tensor | None:
    """Targets with the network's rows first; None where they can't be dealt to rows."""
    if not isinstance(target, Tensor) or not target.dim() or not rows or len(target) % rows:
        return None
    own = target.detach()
    return own if len(own) == rows else own.reshape(rows, -1, *own.shape[1:])


def _replayed(heard: tuple[Any, tuple[Any, ...], dict[str, Any], Tensor], backed: Any) -> HeardLoss:
    """The call without its rows; a sum that the loop divides by the number of rows is a mean."""
    function, args, options, result = heard
    rest = {name: own for name, own in options.items() if name not in ("input", "target")}
    if rest.get("reduction") == "sum" and backed is not result:
        rest["reduction"] = "mean"
    shapes = _part(heard, 0, "input").shape, _part(heard, 1, "target").shape
    return HeardLoss(function, *shapes, rest=args[2:], options=rest)


def _as_heard(own: Tensor, shape: torch.Size) -> Tensor:
    """Numbers in the shape that the loss was given, but for the number of rows."""
    return own if own.shape[1:] == shape[1:] else own.reshape(-1, *shape[1:])
