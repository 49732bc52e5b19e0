"""The look before training: network, loss, data and small tries, each on its own: one that fails spoils no other.

Everything is done to a copy of the network where it can be copied, and at a price that is known before it is paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from retemper.core.records import NotApplicable
from retemper.doctor.case import Case, Network, Sample, Task
from retemper.doctor.observe.attempt import attempt
from retemper.doctor.observe.forward import Followed, follow
from retemper.doctor.observe.loss_kind import LossFunction, ask, private
from retemper.doctor.observe.outputs import first_tensor
from retemper.doctor.observe.rows import Rows, changed, first_rows, suited
from retemper.doctor.observe.start import data_facts, network_facts, optimizer_facts, task_of
from retemper.doctor.observe.traceless import copied, device_of, traceless, unready
from retemper.doctor.observe.tries import try_sample

PRICED_ROWS, PROBE_ROWS, FEWEST_ROWS = 4, 256, 8
CHEAP, PRODUCTS = 3e8, 1e9
"""Products by weights of a pass over the probe, some .01 s, and what the fewest rows that tell something may take."""
MOST_COPIED = 50_000_000
"""Parameters of a network that is still copied; a larger one is looked at itself, and nothing is tried on it."""
ALIKE = 1e-8
"""A standard deviation of weights that begin alike."""
STRAIGHT_ROWS = 32


def look(
    network: nn.Module,
    optimizers: Sequence[Any],
    loss: LossFunction | None,
    rows: Rows | None,
    held_out: Rows | None = None,
    task: Task | None = None,
) -> Case:
    """All that is known before the first step; ``reasons`` say what is not, and why.

    Args:
        network: any module; it, the loss and all generators are afterwards as they were.
        optimizers: that train it.
        loss: of (outputs, targets), or None.
        rows: training rows in a random order, or None: only weights are looked at.
        held_out: rows that are not trained on.
        task: None: by the targets.

    >>> net = nn.Linear(2, 1)
    >>> x = torch.rand(64, 2)
    >>> case = look(net, [torch.optim.SGD(net.parameters(), 0.1)], nn.MSELoss(), (x, x[:, :1]))
    >>> case.loss.wants, case.network.bend < 1e-4, case.sample.last < 0.1 * case.sample.first
    ('values', True, True)
    """
    reasons: dict[str, str] = {}
    with traceless():
        case = Case(
            optimizer=attempt("optimizer", reasons, lambda: optimizer_facts(optimizers)), reasons=reasons
        )
        own = attempt("network", reasons, lambda: _own(network))
        if rows is None:
            facts = None if own is None else network_facts(network, Followed(None), optimizers)
            return replace(case, task=task, network=facts)
        task = task or task_of(rows[1], None)
        data = attempt("data", reasons, lambda: data_facts(*rows, task))
        other = attempt("held_out", reasons, lambda: data_facts(*held_out, task)) if held_out else None
        case = replace(case, task=task, data=data, held_out=other)
        if own is not None:
            case = _of_network(case, reasons, (network, own), optimizers, loss, rows)
    return case


def _of_network(
    case: Case,
    reasons: dict[str, str],
    networks: tuple[nn.Module, nn.Module],
    optimizers: Sequence[Any],
    loss: LossFunction | None,
    rows: Rows,
) -> Case:
    """What is known when the network has been asked: a person's own and a copy of it."""
    network, own = networks
    ready = attempt("network", reasons, lambda: suited(rows, *device_of(network)))
    seen = None if ready is None else attempt("network", reasons, lambda: _probe(own, ready))
    if ready is None or seen is None:
        return replace(case, reasons=reasons | {"loss": reasons["network"], "sample": reasons["network"]})
    facts = attempt("network", reasons, lambda: _network(network, own, seen, optimizers, ready[0]))
    case = replace(case, network=facts)
    if loss is None or facts is None:
        return case
    told = attempt("loss", reasons, lambda: ask(loss, seen.outputs, first_rows(ready, _rows(seen))[1]))
    tried = attempt("sample", reasons, lambda: _tried(networks, loss, ready, seen, facts))
    return replace(case, loss=told, sample=tried)


def _own(network: nn.Module) -> nn.Module:
    """A copy, or the network itself where it can't be copied; each pass leaves it as it is, too."""
    if why := unready(network):
        raise NotApplicable(f"the network can't be looked at: {why}")
    if sum(own.numel() for own in network.parameters()) > MOST_COPIED:
        return network
    try:
        return copied(network)
    except Exception:  # a module may refuse to be copied in any way
        return network


def _probe(network: nn.Module, rows: Rows) -> Followed:
    """A pass of as many rows as are cheap."""
    few = first_rows(rows, PRICED_ROWS)
    priced = follow(network, few[0])
    own = max(_products(network, priced, len(few[1])), 1.0)
    count = int(min(PROBE_ROWS, max(CHEAP / own, min(2 * STRAIGHT_ROWS, PRODUCTS / own))))
    if count < FEWEST_ROWS:  # one pass is all that such a network is asked for
        return priced
    return follow(network, first_rows(rows, count)[0])


def _products(network: nn.Module, seen: Followed, rows: int) -> float:
    """Of one row; where calls could not be followed, each parameter once."""
    return seen.products / max(rows, 1) or float(sum(own.numel() for own in network.parameters()))


def _network(
    network: nn.Module, own: nn.Module, seen: Followed, optimizers: Sequence[Any], x: Any
) -> Network:
    facts = network_facts(network, seen, optimizers)
    outputs = first_tensor(seen.outputs)
    if outputs is None or not outputs.dim() or not len(outputs):
        return facts
    if len(outputs) < FEWEST_ROWS:
        return facts
    drawn = any(each.acts for each in facts.operations)  # what is drawn anew differs in any case
    return replace(facts, bend=_bend(own, x, len(outputs)), mixes=not drawn and _mixes(own, x, outputs))


def _mixes(network: nn.Module, x: Any, outputs: Tensor) -> bool:
    """Whether rows alone are told something else than among the others."""
    half = len(outputs) // 2
    if not half:
        return False
    try:
        alone = first_tensor(follow(network, changed(x, lambda part: part[:half])).outputs)
    except Exception:  # a network of a fixed number of rows
        return False
    if alone is None or alone.shape != outputs[:half].shape or not bool(torch.isfinite(outputs).all()):
        return False
    return bool((alone - outputs[:half]).abs().max() > 1e-3 * outputs.abs().max().clamp_min(1e-12))


def _bend(network: nn.Module, x: Any, rows: int) -> float:
    """How far the outputs before the head are from linear: at the middle of two rows, in shares of their spread."""
    if not (isinstance(x, Tensor) and x.is_floating_point()) or len(x) < 4:
        return float("nan")
    half = min(STRAIGHT_ROWS, rows // 2, len(x) // 2)
    left, right = x[:half], x[half : 2 * half]
    passes = [follow(network, part) for part in (left, right, (left + right) / 2)]
    ends = [each.outputs if each.before_head is None else each.before_head for each in passes]
    tensors = [first_tensor(each) for each in ends]
    if any(each is None for each in tensors):
        return float("nan")
    a, b, middle = (each.double() for each in tensors if each is not None)
    spread = float((a - b).abs().max())
    return float((middle - (a + b) / 2).abs().max()) / spread if spread > 0 else float("nan")


def _tried(
    networks: tuple[nn.Module, nn.Module], loss: LossFunction, rows: Rows, seen: Followed, facts: Network
) -> Sample:
    network, own = networks
    if own is network:
        raise NotApplicable(
            "the network can't be copied, or is too large to be, so that nothing is tried on it"
        )
    calls = len(seen.operations) or sum(1 for _ in own.modules())
    alike = tuple(name for name, (spread, _) in facts.spreads.items() if spread <= ALIKE)
    return try_sample(own, private(loss), rows, (calls, _products(own, seen, _rows(seen))), alike)


def _rows(seen: Followed) -> int:
    """Of a pass."""
    outputs = first_tensor(seen.outputs)
    return len(outputs) if outputs is not None and outputs.dim() else 1
