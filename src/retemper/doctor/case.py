"""All that is known of one training, as plain numbers: what symptoms read, whoever trained and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from retemper.core.history import History
from retemper.core.records import NotApplicable
from retemper.doctor.likeness import Likeness
from retemper.doctor.looks import Signals

Array = NDArray[np.float64]
Part = TypeVar("Part")
Task = Literal["classification", "multilabel", "regression"]
Wants = Literal["logits", "log_probabilities", "probabilities", "values", "margins", "unknown"]


@dataclass(frozen=True)
class Operation:
    """One call of the forward pass that shapes numbers, in the order of the calls.

    Args:
        name: as PyTorch calls it: ``linear``, ``relu``, ``softmax``, ``dropout``, …
        shape: of the result, rows first.
        axis: that a softmax sums over, counted from 0; None for all else.
        rate: of a dropout; 0 for all else.
        inputs: of one unit, where it is a product with weights; 0: not known.
        acts: a dropout that drops units in evaluation mode, too.
    """

    name: str
    shape: tuple[int, ...]
    axis: int | None = None
    rate: float = 0.0
    inputs: int = 0
    acts: bool = False


@dataclass(frozen=True)
class Network:
    """The network as a probe of rows found it.

    Args:
        operations: of the forward pass; empty where it can't be followed (compiled, TorchScript).
        shape: of the outputs for the probe.
        low, high: of the outputs at the start.
        parameters: numbers that can be trained.
        frozen: names of parameters that can't.
        untrained: names of parameters that could but are in no optimizer.
        spreads: by the name of a layer's weight its standard deviation at the start, and the inputs of its unit.
        lone: names of those that have one unit alone.
        bend: how far the outputs before the last activation are from linear in the inputs, as a share of their spread;
            NaN: not known.
        mixes: what a row is told depends on the other rows of its batch.
        sums_to_one: each row's outputs are shares, however that is done.
    """

    operations: tuple[Operation, ...]
    shape: tuple[int, ...]
    low: float
    high: float
    parameters: int
    frozen: tuple[str, ...] = ()
    untrained: tuple[str, ...] = ()
    spreads: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    lone: tuple[str, ...] = ()
    bend: float = float("nan")
    mixes: bool = False
    sums_to_one: bool = False

    @property
    def head(self) -> tuple[Operation, ...]:
        """What is done to the outputs after the last weights; nothing of what is done to other numbers."""
        places = [at for at, each in enumerate(self.operations) if each.name in WEIGHTED]
        after = self.operations[places[-1] + 1 :] if places else ()
        return tuple(each for each in after if prod(each.shape) == prod(self.shape))


WEIGHTED = frozenset(
    """linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d matmul mm bmm addmm
    baddbmm einsum rnn_tanh rnn_relu lstm gru embedding embedding_bag multi_head_attention_forward""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class LossFacts:
    """How the loss behaves; it was asked, not read.

    Args:
        wants: what the outputs are to be.
        sums: over the batch's rows, where a mean is usual.
        broadcasts: it is the same for permuted targets, so that each output is held against every target.
        trivial: what the best constant output scores; NaN where it could not be found.
        initial: at the start.
        even: of outputs that prefer nothing (zeros, or equal shares); NaN where it is not known what these are.
        axis: of the outputs that counts the classes.
    """

    wants: Wants
    sums: bool = False
    broadcasts: bool = False
    trivial: float = float("nan")
    initial: float = float("nan")
    even: float = float("nan")
    axis: int = 1


@dataclass(frozen=True)
class DataFacts:
    """The training rows.

    Args:
        rows: how many were looked at.
        spreads, centres: standard deviation and mean of each input column [D].
        low, high: of all inputs.
        target_shape: rows first.
        target_low, target_high, target_mean, target_spread: of the targets as numbers.
        classes: rows of each class; empty where targets are no classes.
        integers: the targets are whole numbers.
        not_finite: rows with an input that is missing or infinite.
    """

    rows: int
    spreads: Array
    centres: Array
    low: float
    high: float
    target_shape: tuple[int, ...]
    target_low: float
    target_high: float
    target_mean: float
    target_spread: float
    classes: tuple[int, ...] = ()
    integers: bool = False
    not_finite: int = 0


@dataclass(frozen=True)
class OptimizerFacts:
    """The optimizer: its class in lower case, the highest rate of its groups, and its other options."""

    name: str
    learning_rate: float
    options: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """Tries before training, on copies of the network; NaN where one could not be made.

    Args:
        first, last: the loss of a few rows that were trained on, at the start and at its lowest.
        aligned_p: how often shuffled targets fit the inputs as well as the true ones.
        held_out_p: the same of held-out rows; NaN also where the training rows leave no doubt.
        trivial: what the best constant output scores on the few rows.
        blind: after the try, the loss of outputs for the true inputs as a share of that for inputs of other rows; 1:
            the network says the same whatever it is shown.
        copies: names of weights that began alike and whose units were copies of each other after the try, too.
    """

    first: float
    last: float
    aligned_p: float = float("nan")
    trivial: float = float("nan")
    blind: float = float("nan")
    copies: tuple[str, ...] | None = None
    held_out_p: float = float("nan")


@dataclass(frozen=True)
class Standing:
    """How good the network is in the end, on rows that were held out where there are any.

    Args:
        loss, trivial: its loss, and that of the best constant output.
        accuracy, majority: share of right classes, and of the most frequent one; NaN for values.
        held_out: the rows were not trained on.
        explained: of values, the share of their variance that the outputs explain (R²); NaN for classes.
        reference: the skill of the better of two simple models on the same rows; NaN where none could learn them.
    """

    loss: float
    trivial: float
    accuracy: float = float("nan")
    majority: float = float("nan")
    held_out: bool = False
    explained: float = float("nan")
    reference: float = float("nan")

    @property
    def skill(self) -> float:
        """The gain over the best constant output as a share of the headroom; NaN where it is not known.

        Of classes by the share of right ones, of values by R², else by the loss.

        >>> round(Standing(0.3, 0.6, accuracy=0.8, majority=0.6).skill, 3)
        0.5
        """
        if np.isfinite(self.accuracy) and self.majority < 1:
            return (self.accuracy - self.majority) / (1 - self.majority)
        if not np.isnan(self.explained):
            return self.explained
        if not np.isfinite(self.trivial) or self.trivial <= 0:
            return float("nan")
        return 1 - self.loss / self.trivial if np.isfinite(self.loss) else -float("inf")


@dataclass(frozen=True)
class Case:
    """One training. What could not be had is None, and makes checks not applicable.

    Args:
        data, held_out: the training rows, and rows that are not trained on.
        likeness: of these two.
        reasons: why a part could not be had, by its name, where more is known than that it was not given.
    """

    history: History | None = None
    task: Task | None = None
    network: Network | None = None
    loss: LossFacts | None = None
    data: DataFacts | None = None
    optimizer: OptimizerFacts | None = None
    sample: Sample | None = None
    signals: Signals | None = None
    standing: Standing | None = None
    held_out: DataFacts | None = None
    likeness: Likeness | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)


class Missing(NotApplicable):
    """A part of a case that a check can't do without could not be had."""

    def __init__(self, name: str) -> None:
        super().__init__(WHY[name])
        self.name = name


def need(part: Part | None, name: str) -> Part:
    """A part of a case, for a check that can't do without.

    Args:
        part: of the case, or None.
        name: its name there.

    Raises:
        Missing: it could not be had.

    >>> need(Standing(0.2, 0.7), "standing").loss
    0.2
    """
    if part is None:
        raise Missing(name)
    return part


def followed(case: Case) -> Network:
    """The network, for a check of what its forward pass calls.

    Raises:
        NotApplicable: the network could not be probed, or its calls can't be followed.

    >>> followed(Case(network=Network((Operation("linear", (5, 1)),), (5, 1), 0.0, 1.0, 2))).head
    ()
    """
    network = need(case.network, "network")
    if not network.operations:
        raise NotApplicable("the forward pass can't be followed")
    return network


WHY = {
    "history": "no curves were recorded",
    "task": "the task is not known",
    "network": "the network could not be probed",
    "loss": "no loss function was given",
    "data": "no training rows were given",
    "optimizer": "the optimizer is not known",
    "sample": "no training rows or no loss function were given to try a small sample on",
    "signals": "the training was not watched step by step",
    "standing": "no rows and no loss function were given to judge the network by",
    "held_out": "no rows were given that are not trained on",
    "likeness": "training rows could not be held against held-out ones",
}
