"""A trained network's parameters in a larger network of the same architecture, which computes the same.

What the larger network has in common with the old one is copied, place by place. Inputs that are new meet weights of 0,
so nothing they hold changes an output until training moves these weights; what lies before such a weight (a new
column's embedding, an adapter) begins as in any new network, so that the weight has a gradient from the first step on.

An output for a class that is new is the mean of the known classes' outputs plus a constant b. Where the C known classes
have probabilities p, its odds against all of them are exp(b) times the geometric mean of p: exp(b)/C where they are
equally likely, and the less the surer the network is of one of them. The known classes' outputs stay, and so do their
odds among each other. (A network that grows keeps its function: Chen et al. 2016, "Net2Net".)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import torch
from torch import Tensor

from retemper.core.growth_records import Sources
from retemper.models.layers.copies import Spread
from retemper.models.layers.dense import Dense, Head
from retemper.models.layers.inputs import DensePart, Inputs, InputShape
from retemper.models.layers.network import Network
from retemper.models.layers.parameter import Parameter
from retemper.models.layers.tokens import Tokens

NEW = -1
Places = Sequence[int]
"""For each new row or column of a parameter the old one that it continues, or −1."""


def transplanted(
    old: Network,
    new: Network,
    sources: Sources,
    trained: Mapping[str, Tensor],
    fresh: Mapping[str, Tensor],
    class_bias: Sequence[float] = (),
) -> dict[str, Tensor]:
    """The parameters of the larger network.

    Args:
        old: the network that was trained.
        new: the same architecture for more inputs, or more outputs.
        sources: where the larger network's inputs come from.
        trained: the old parameters by name, in their true shapes.
        fresh: the larger network's parameters as it would begin.
        class_bias: for each new class, what is added to the mean of the known outputs.

    Raises:
        ValueError: the two differ by more than their inputs and outputs.
        TypeError: the network's front is of a kind that can't grow.

    >>> from retemper.models import linear
    >>> shape, wider = InputShape(2, 2), InputShape(3, 3)
    >>> old, new = (linear.build(linear.Options(), own, 1) for own in (shape, wider))
    >>> trained = {"head.weight": torch.tensor([[5.0, 7.0]]), "head.bias": torch.tensor([[1.0]])}
    >>> fresh = {"head.weight": torch.ones(1, 3), "head.bias": torch.zeros(1, 1)}
    >>> transplanted(old, new, Sources((0, NEW, 1)), trained, fresh)["head.weight"].tolist()
    [[5.0, 0.0, 7.0]]
    """
    rows = _front_rows(old, new, sources)
    columns = dict.fromkeys(_readers(new), _front_columns(old, new, sources))
    if new.head.outputs > old.head.outputs:
        trained = {**trained, **_wider_head(old.head, new.head, trained, class_bias)}
    silent = {name for name in columns if not name.endswith(".adapter")} | set(_unread(new))
    return {
        p.name: _placed(
            trained.get(p.name),
            torch.zeros_like(fresh[p.name]) if p.name in silent else fresh[p.name],
            rows.get(p.name),
            columns.get(p.name),
            p,
        )
        for p in new.parameters
    }


def _placed(
    old: Tensor | None, start: Tensor, rows: Places | None, columns: Places | None, parameter: Parameter
) -> Tensor:
    """``start`` with all cells that continue old ones replaced by these."""
    if old is None:
        return start
    shape = tuple(
        own if places is None else len(places) for own, places in zip(old.shape, (rows, columns), strict=True)
    )
    if parameter.role == "embedding" and columns is None:  # a table with more levels may have more columns
        columns = [k if k < old.shape[1] else NEW for k in range(start.shape[1])]
        shape = (shape[0], len(columns))
    if shape != parameter.shape:
        raise ValueError(f"{parameter.name} is {parameter.shape}, but of the old network come {shape}")
    found = start.clone()
    row, column = (
        torch.tensor(range(size) if places is None else places)
        for size, places in zip(shape, (rows, columns), strict=True)
    )
    row_there, column_there = (row != NEW).nonzero(), (column != NEW).nonzero().T
    found[row_there, column_there] = old[row[row_there], column[column_there]]
    return found


def _readers(network: Network) -> list[str]:
    """The parameters whose columns are the front's outputs: adapters, if any, and the first layer of weights."""
    if isinstance(network.inputs, Tokens):
        return []  # a token has the width it had
    found = []
    for layer in (*network.body, network.head):
        if isinstance(layer, Spread):
            found.append(f"{layer.name}.adapter")
        elif isinstance(layer, Dense | Head):
            found.append(f"{layer.name}.weight")
            break
        else:
            raise TypeError(f"{type(layer).__name__} reads the inputs as they are, and can't take more")
    return found


def _unread(network: Network) -> list[str]:
    """Parameters of a transformer's front: what is new in them goes straight into token 0, and must be 0 at first."""
    return [p.name for p in network.inputs.parameters] if isinstance(network.inputs, Tokens) else []


def _front_rows(old: Network, new: Network, sources: Sources) -> dict[str, Places]:
    """By parameter of the front, where its rows come from."""
    rows: dict[str, Places] = {f"embedding_{k}.table": own for k, own in enumerate(sources.tables)}
    before, after = old.inputs, new.inputs
    if isinstance(before, Tokens) and isinstance(after, Tokens):
        row_of = {column: row for row, column in enumerate(before.order)}
        dense = _dense_columns(before.shape, after.shape, sources)
        rows["token.weight"] = [row_of.get(dense[column], NEW) for column in after.order]
    elif isinstance(before, Inputs) and isinstance(after, Inputs):
        rows["periodic.frequency"] = rows["periodic.phase"] = sources.numbers
        rows["periodic.weight"] = rows["periodic.bias"] = _each(sources.numbers, after.units)
    else:
        raise TypeError(f"a network with a front of {type(after).__name__} can't grow")
    return rows


def _front_columns(old: Network, new: Network, sources: Sources) -> Places:
    """Where the front's outputs come from: the dense part, the embeddings, the periodic embeddings."""
    before, after = old.inputs, new.inputs
    if not (isinstance(before, Inputs) and isinstance(after, Inputs)):
        return ()
    found = _dense_columns(before.shape, after.shape, sources)
    tables = len(before.shape.cardinalities)
    old_widths, new_widths = before.widths[1:], after.widths[1:]
    start = before.widths[0]
    for k in range(len(after.shape.cardinalities)):
        width = old_widths[k] if k < tables else 0
        found += [start + c if c < width else NEW for c in range(new_widths[k])]
        start += width
    if after.frequencies:
        found += _each(sources.numbers, after.units, start)
    return found


def _dense_columns(old: InputShape, new: InputShape, sources: Sources) -> list[int]:
    """Where the columns of the dense part come from, once bins and levels are worked out."""
    bins = old.bins or (0,) * old.n_numbers
    first = [*accumulate(bins, initial=old.n_numbers)]
    found = list(sources.numbers)
    for number, count in zip(sources.numbers, new.bins or (0,) * new.n_numbers, strict=True):
        if number != NEW and bins[number] != count:
            raise ValueError(f"number {number} had {bins[number]} bins and has {count}")
        found += [NEW if number == NEW else first[number] + k for k in range(count)]
    start = first[-1]
    for own, size in ((sources.gaps, old.gaps), (sources.levels, sum(old.one_hot)), (sources.words, 0)):
        found += _each(own, 1, start)
        start += size
    if len(found) != DensePart(new).width:
        raise ValueError(f"{len(found)} columns have a source, but there are {DensePart(new).width}")
    return found


def _each(places: Iterable[int], size: int, start: int = 0) -> list[int]:
    """Each place as ``size`` places in a row, the first of them at ``start``."""
    return [NEW if k == NEW else start + k * size + u for k in places for u in range(size)]


def _wider_head(
    old: Head, new: Head, trained: Mapping[str, Tensor], class_bias: Sequence[float]
) -> dict[str, Tensor]:
    """The head's parameters with outputs for new classes, behind the known ones of each copy."""
    found = {}
    for name, bias in ((f"{new.name}.weight", ()), (f"{new.name}.bias", class_bias)):
        known = trained[name].reshape(old.copies, old.outputs, -1)
        if (
            old.outputs == 1
        ):  # σ(z) is the softmax of (−z/2, z/2): of all such pairs the one with the least weights
            known = torch.cat([-known / 2, known / 2], 1)
        count = new.outputs - known.shape[1]
        start = known.mean(1, keepdim=True).expand(-1, count, -1)
        if bias:
            start = start + torch.tensor(bias, dtype=known.dtype).view(1, count, 1)
        found[name] = torch.cat([known, start], 1).flatten(0, 1)
    return found
