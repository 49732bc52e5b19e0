"""M networks of one shape in flat buffers [M, P], with a named view for every parameter.

Hyperparameters belong to members, randomness is keyed by a member's id: what a member learns does not depend
on who trains beside it, and its last bit is the same alone (M = 1) as in any stack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.core import catalogue, seeds
from retemper.core.options import Options
from retemper.core.recipe_sections import Chosen
from retemper.models.layers.network import Network
from retemper.models.layers.parameter import ROW_LANE, Parameter, Views, padded
from retemper.training.initialisers import Initialiser


@dataclass(frozen=True)
class Member:
    """One network of a stack.

    Args:
        id: keys all its randomness; two members with one id and one seed draw the same numbers.
        learning_rate: base rate, above 0.
        weight_decay: λ of the decoupled decay, 0 or more.
        dropout: share of hidden units dropped, in [0, 1).
        label_smoothing: ε, in [0, 1).
        held_out: number of the part of the rows that it does not train on and is judged by, among the job's
            folds; −1: it trains on the training rows and is judged by the validation rows.
        momentum: μ of an optimizer that has one, in [0, 1); None: the optimizer's own.
        schedule: the recipe's ``schedule`` as plain data; None: the training's own.
        model: the recipe's ``model`` as plain data, of a network that is narrower than the one its stack shares (what
            is left of it stays zero); None: the job's own.
        key: stands in for the id where randomness is keyed; None: the id. Members with one key begin alike and meet
            their rows in one order.
    """

    id: int
    learning_rate: float
    weight_decay: float = 0.0
    dropout: float = 0.0
    label_smoothing: float = 0.0
    held_out: int = -1
    momentum: float | None = None
    schedule: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    key: int | None = None

    @property
    def draws(self) -> int:
        """What keys its randomness."""
        return self.id if self.key is None else self.key

    def schedule_of(self, given: Chosen) -> Chosen:
        """Its own schedule, or the one given for all."""
        if self.schedule is None:
            return given
        options = dict(self.schedule)
        name = options.pop("name")
        return Chosen(
            family="schedule",
            name=name,
            options=catalogue.options_class("schedule", name).model_validate(options),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``Member(**data)`` is the way back."""
        return asdict(self)


class Layout:
    """Where each parameter lies in a member's row of P numbers; what decays comes first."""

    def __init__(self, network: Network) -> None:
        self.parameters = network.parameters
        self.starts: list[int] = []
        end = 0
        for parameter in self.parameters:
            self.starts.append(end)
            end += padded(parameter.size, ROW_LANE)
        self.size = end
        decayed = [
            s + padded(p.size, ROW_LANE)
            for p, s in zip(self.parameters, self.starts, strict=True)
            if p.decays
        ]
        self.decayed = max(decayed, default=0)

    def views(self, buffer: Tensor) -> Views:
        """Name → [M, rows, columns] of a buffer [M, P]."""
        return {
            p.name: buffer[:, s : s + p.size].view(-1, *p.stored)
            for p, s in zip(self.parameters, self.starts, strict=True)
        }

    def places(self, names: Collection[str]) -> list[slice]:
        """Where some parameters lie in a row [P], from left to right; what is adjacent is one place.

        Raises:
            ValueError: a name is no parameter's.
        """
        unknown = set(names) - {p.name for p in self.parameters}
        if unknown:
            raise ValueError(f"the network has no parameters named {', '.join(sorted(unknown))}")
        found: list[slice] = []
        for p, start in zip(self.parameters, self.starts, strict=True):
            if p.name not in names:
                continue
            end = start + padded(p.size, ROW_LANE)
            if found and found[-1].stop == start:
                start = found.pop().start
            found.append(slice(start, end))
        return found

    def true_places(self) -> Tensor:
        """[P] bool: where parameters lie, as opposed to padding."""
        mask = torch.zeros((1, self.size), dtype=torch.bool)
        views = self.views(mask)
        for p in self.parameters:
            views[p.name][0, : p.shape[0], : p.shape[1]] = True
        return mask[0]

    def unpadded(self, row: Tensor) -> dict[str, Tensor]:
        """One member's parameters in their true shapes, from its row [P]."""
        views = self.views(row.unsqueeze(0))
        return {p.name: views[p.name][0, : p.shape[0], : p.shape[1]].contiguous() for p in self.parameters}

    def own_row(self, row: Tensor, own: Layout) -> Tensor:
        """A member's row [P] of this layout, as its own smaller network lays it out."""
        if own.parameters == self.parameters:
            return row
        return own.row(dict(own.cropped(self.views(row.unsqueeze(0)))), row.dtype)

    def cropped(self, views: Views) -> Iterator[tuple[str, Tensor]]:
        """The true parts of one member's views in a stack that may be wider."""
        for p in self.parameters:
            yield p.name, views[p.name][0, : p.shape[0], : p.shape[1]]

    def row(self, tensors: dict[str, Tensor], dtype: torch.dtype) -> Tensor:
        """A member's row [P] from its parameters in their true shapes."""
        row = torch.zeros(self.size, dtype=dtype)
        views = self.views(row.unsqueeze(0))
        for p in self.parameters:
            views[p.name][0, : p.shape[0], : p.shape[1]] = tensors[p.name].to(dtype)
        return row


class Stack:
    """The members with their buffers: parameters, gradients, the optimizer's memory.

    Args:
        network: the shape all members share.
        members: who trains.
        own: each member's own network, where some are narrower than the shape they share: the rest of it stays at zero.
        slots: names of the optimizer's memory.
        device, dtype: where and in what precision.
    """

    def __init__(
        self,
        network: Network,
        members: Sequence[Member],
        slots: Sequence[str] = (),
        own: Sequence[Network] = (),
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.network = network
        self.layout = Layout(network)
        self.members = list(members)
        self._own = {member.id: network for member, network in zip(members, own, strict=bool(own))}
        shape = (len(self.members), self.layout.size)
        self.buffers = {
            name: torch.zeros(shape, device=device, dtype=dtype)
            for name in ("parameters", "gradients", "delta", *slots)
        }
        self._view()

    def _view(self) -> None:
        self.parameters = self.layout.views(self.buffers["parameters"])
        self.gradients = self.layout.views(self.buffers["gradients"])

    def __len__(self) -> int:
        return len(self.members)

    @property
    def device(self) -> torch.device:
        """Where the buffers lie."""
        return self.buffers["parameters"].device

    @property
    def dtype(self) -> torch.dtype:
        """The buffers' precision."""
        return self.buffers["parameters"].dtype

    def initialise(
        self,
        initialiser: Options,
        seed: int,
        output_bias: NDArray[np.float64] | None = None,
        head_scale: float = 1.0,
    ) -> None:
        """Draw every member's parameters from generators of its own.

        Args:
            initialiser: options of an entry of the family ``initialiser``.
            seed: the run's seed.
            output_bias: [outputs] start of the head's bias (log frequencies, or the mean), or [M, outputs] the members'
                own; zeros without.
            head_scale: what the head's start is multiplied by.
        """
        for slot, member in enumerate(self.members):
            bias = output_bias[slot] if output_bias is not None and output_bias.ndim == 2 else output_bias
            for parameter in self.network_of(member).parameters:
                generator = seeds.generator(seed, f"initialise {parameter.name}", member.draws)
                start = _start(parameter, initialiser, generator, bias)
                if parameter.role == "head_weight":
                    start *= head_scale
                view = self.parameters[parameter.name][slot]
                view[: parameter.shape[0], : parameter.shape[1]] = torch.from_numpy(start).to(view)

    def begin_at(self, start: Tensor) -> None:
        """Take every member's parameters [M, P]; what lies in the padding is left out.

        Raises:
            ValueError: the start has not the stack's shape.
        """
        parameters = self.buffers["parameters"]
        if start.shape != parameters.shape:
            raise ValueError(f"the start must be {[*parameters.shape]}, the stack's, but is {[*start.shape]}")
        parameters.copy_(start).mul_(self.layout.true_places().to(parameters))

    def network_of(self, member: Member) -> Network:
        """A member's own network."""
        return self._own.get(member.id, self.network)

    def keep(self, slots: Sequence[int]) -> None:
        """Drop all members but those in ``slots``; the stack shrinks."""
        self.members = [self.members[slot] for slot in slots]
        index = torch.tensor(list(slots), dtype=torch.int64, device=self.device)
        self.buffers = {name: buffer.index_select(0, index) for name, buffer in self.buffers.items()}
        self._view()


def _start(
    parameter: Parameter,
    initialiser: Options,
    generator: np.random.Generator,
    output_bias: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    outputs, inputs = parameter.shape
    match parameter.role:
        case "weight" | "head_weight":
            assert isinstance(initialiser, Initialiser)
            return np.array(initialiser.draw((inputs, outputs), generator).T, dtype=np.float64, order="C")
        case "embedding" | "frequency":
            return generator.normal(0.0, parameter.scale, parameter.shape)
        case "gain":
            return np.ones(parameter.shape)
        case "sign":
            return np.where(generator.random(parameter.shape) < 0.5, -1.0, 1.0)
        case "phase":
            return generator.uniform(-0.5, 0.5, parameter.shape)
        case "head_bias" if output_bias is not None:
            return np.tile(output_bias, outputs // len(output_bias)).reshape(parameter.shape)
        case "bias" | "head_bias" if parameter.fan_in:
            assert isinstance(initialiser, Initialiser)
            return initialiser.draw_bias(parameter.shape, parameter.fan_in, generator)
        case _:
            return np.zeros(parameter.shape)
