"""A network that is trained in evaluation mode: its dropout and batch statistics stand still."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("training_mode",)
MODES_MATTER = ("dropout", "batch_norm", "instance_norm")


class Options(Base):
    """Thresholds."""

    share: float = Field(
        0.5, gt=0, le=1, description="share of the calls with gradients that are in evaluation mode"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge in which mode the network as a whole learns; parts of it that are kept in evaluation mode are meant so.

    Raises:
        NotApplicable: the training was not watched, or its modes make no difference.
    """
    signals, network = need(case.signals, "signals"), need(case.network, "network")
    passes = signals.passes
    calls = passes.learning + passes.learning_in_evaluation
    acting = sorted({own.name for own in network.operations if own.name.startswith(MODES_MATTER)})
    if not calls or not acting:
        raise NotApplicable(
            "training and evaluation mode make no difference to it, or its calls were not seen"
        )
    share = passes.learning_in_evaluation / calls
    if share < options.share:
        return None
    message = (
        f"{share:.0%} of the training's calls were in evaluation mode, where {acting[0]} does not act: "
        "call model.train() after the network was judged."
    )
    evidence = {"share": share, "share_threshold": options.share, "calls": calls}
    return Finding("evaluation_mode_training", "warning", 0.7, message, evidence, REMEDIES)
