"""What the activations of the best network give for some validation rows: pictures for the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from retemper.doctor.observe.activations import caught
from retemper.models.layers.activation import Activation
from retemper.models.layers.build import network_of
from retemper.models.layers.dense import Dense
from retemper.models.layers.layer import Layer
from retemper.models.layers.network import Network
from retemper.models.layers.parameter import Views
from retemper.models.layers.residual import Residual
from retemper.procedure.book import State
from retemper.procedure.contenders import Candidate
from retemper.training import losses
from retemper.training.plan import Rows
from retemper.training.stack import Layout, Stack

ROWS = 512


def inner_values(state: State) -> dict[str, Any]:
    """Histograms of the network with the lowest validation loss, at its best epoch and as it began.

    Its start is drawn anew: the seed and the member's id alone fix it.

    Args:
        state: with networks of the full training, and prepared rows.

    Returns:
        ``member``, ``rows``, ``histograms`` and ``start``, the same before training; none of these where no network
        stayed finite.
    """
    sound = [own for own in state.long if np.isfinite(own.fit.val_loss)]
    if not sound:
        return {}
    best = min(sound, key=lambda own: own.fit.val_loss)
    _, _, data = state.ready
    loss = losses.resolve(state.recipe.training.loss, state.task, data.n_classes)
    network = network_of(best.model, data.shape, loss.n_outputs(data.n_classes))
    own = data.validation
    count = min(ROWS, len(own.y))
    rows = Rows.of(own.dense[:count], own.codes[:count], own.y[:count])
    return {
        "member": best.id,
        "rows": count,
        "histograms": _seen(network, Layout(network).views(best.fit.row.cpu().unsqueeze(0)), rows),
        "start": _seen(network, _start(network, best, state), rows),
    }


def _start(network: Network, best: Candidate, state: State) -> Views:
    """What it began with, but for the head, which no activation sees."""
    stack = Stack(network, [best.member])
    stack.initialise(state.recipe.training.initialiser.options, state.recipe.seed)
    return stack.parameters


def _seen(network: Network, parameters: Views, rows: Rows) -> list[dict[str, Any]]:
    shown = list(_activations(network.body))
    seen = caught(
        lambda: network.forward(parameters, rows.x[None, : rows.count], rows.codes[None, : rows.count]),
        {name for name, _ in shown},
        [width for _, width in shown],
    )
    return [vars(each) for each in seen]


def _activations(layers: Sequence[Layer], width: int = 0) -> Iterator[tuple[str, int]]:
    """Name and units of each; what is stored beyond these units only fills up whole lanes."""
    for layer in layers:
        if isinstance(layer, Dense):
            width = layer.outputs
        elif isinstance(layer, Activation):
            yield layer.function, width
        elif isinstance(layer, Residual):
            yield from _activations(layer.inner, width)
