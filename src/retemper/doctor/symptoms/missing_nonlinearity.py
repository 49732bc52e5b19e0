"""Layers of weights with nothing between them: together they are one linear layer."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, followed
from retemper.doctor.observe.forward import RECTIFYING, SATURATING

REMEDIES: tuple[str, ...] = ("another_activation",)
LAYERS = frozenset({"linear", "conv1d", "conv2d", "conv3d", "matmul", "addmm", "einsum", "mm"})
ACTING = (
    RECTIFYING
    | SATURATING.keys()
    | {"softsign", "hardswish", "logsigmoid", "prelu", "rrelu", "glu", "log_softmax"}
)


class Options(Base):
    """Thresholds; the network was asked: what is linear gives at the middle of two rows the middle of their outputs."""

    bend: float = Field(
        1e-4,
        gt=0,
        description="distance from linear before the last activation, in shares of the outputs' spread",
    )
    layers: int = Field(2, ge=2, description="layers of weights that follow each other")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the outputs before the head, and the calls that lead there.

    Raises:
        NotApplicable: the network could not be probed, its forward pass can't be followed, or inputs are no numbers.
    """
    network = followed(case)
    places = [at for at, each in enumerate(network.operations) if each.name in LAYERS]
    inner = network.operations[: places[-1]] if places else ()
    if len(places) < options.layers or any(each.name in ACTING for each in inner):
        return None
    if np.isnan(network.bend):
        raise NotApplicable(
            "the inputs are no single tensor of numbers, so that it can't be told what is linear"
        )
    if network.bend > options.bend:
        return None
    message = (
        f"{len(places)} layers of weights have no activation between them: together they are one "
        "linear layer."
    )
    evidence = {"bend": network.bend, "bend_threshold": options.bend, "layers": len(places)}
    return Finding("missing_nonlinearity", "warning", 0.85, message, evidence, REMEDIES)
