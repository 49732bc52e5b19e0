"""Dark experience replay: old rows come back with what the champion said of them (Buzzega et al. 2020).

    loss = CE(new) + α·‖f(old) − champion(old)‖² + β·CE(old)

The champion's outputs say more of an old row than its label: how alike classes looked to it.
"""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.retraining.course import Course, Means
from retemper.retraining.strategies.replay import rate_of

ABOUT = "old rows come back with their labels and the champion's outputs"


class Options(Base):
    """How much the champion's word counts."""

    alpha: float = Field(0.1, ge=0, description="α, weight of the champion's outputs")
    beta: float = Field(1.0, ge=0, description="β, weight of old rows' labels")
    share: float = Field(0.5, gt=0, lt=1, description="share of old rows in each batch")
    rate: float = Field(0.5, gt=0, description="learning rate, as a multiple of the champion's")
    epochs: int = Field(20, ge=1, description="most passes over the rows")


def plan(options: Options, means: Means) -> Course:
    """From the champion's weights, on new rows and old ones, with its outputs.

    Raises:
        NotApplicable: there are no old rows.
    """
    means.demand_old("der_plus_plus")
    return Course(
        replay=options.share,
        balanced=bool(means.new_classes),
        averaged=means.new_task,
        rate=rate_of(options.rate, means),
        epochs=options.epochs,
        teaching="outputs",
        teach=options.alpha,
        truth=options.beta,
    )
