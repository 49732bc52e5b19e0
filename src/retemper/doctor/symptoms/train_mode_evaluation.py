"""A network that is judged in training mode: dropout and batch statistics act where they should not."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, Operation, need

REMEDIES: tuple[str, ...] = ("evaluation_mode",)
MODES_MATTER = ("dropout", "batch_norm", "instance_norm")


class Options(Base):
    """Thresholds."""

    share: float = Field(
        0.5, gt=0, le=1, description="share of the calls without gradients that are in training mode"
    )
    calls: int = Field(1, ge=1, description="such calls")


def check(case: Case, options: Options) -> Finding | None:
    """Judge whether a dropout can be switched off at all, and in which mode the network is called without gradients.

    Raises:
        NotApplicable: the network could not be probed, or the training was not watched, has several optimizers
            (where such calls are often meant), never called the network without gradients, or its modes make no
            difference.
    """
    network = need(case.network, "network")
    active = next((own for own in network.operations if own.acts), None)
    if active is not None:
        return _never_off(active)
    signals = need(case.signals, "signals")
    passes = signals.passes
    calls = passes.judging + passes.judging_in_training
    acting = sorted({own.name for own in network.operations if own.name.startswith(MODES_MATTER)})
    if signals.optimizers > 1 or not calls or not acting:
        raise NotApplicable(
            "it was not seen being judged, or training and evaluation mode make no difference to it"
        )
    share = passes.judging_in_training / calls
    if passes.judging_in_training < options.calls or share < options.share:
        return None
    message = (
        f"{passes.judging_in_training} of {calls} calls without gradients were in training mode, "
        f"where {acting[0]} acts: call model.eval() before the network is judged, and model.train() afterwards."
    )
    evidence = {
        "share": share,
        "share_threshold": options.share,
        "calls": calls,
        "calls_threshold": options.calls,
    }
    return Finding("train_mode_evaluation", "warning", 0.9, message, evidence, REMEDIES)


def _never_off(dropout: Operation) -> Finding:
    message = (
        f"A {dropout.name} puts {dropout.rate:.0%} of the units to zero in evaluation mode, too: give it "
        "training=self.training, or use the module."
    )
    evidence = {"rate": dropout.rate, "rate_threshold": 0.0}
    return Finding("train_mode_evaluation", "warning", 0.95, message, evidence, REMEDIES)
