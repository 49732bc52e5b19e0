"""The network that a repair gives back: trained on all rows, or gone on with where it still gains."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from retemper.core.records import Finding
from retemper.procedure.repair_bench import Bench, Run
from retemper.procedure.repair_regimen import Regimen
from retemper.procedure.repair_score import LEAST_GAIN

STARTS = 3
QUARTER = 0.75
"""Of its epochs; a run that gained after it is not yet at its end."""
WORTH = 0.25
"""Of its epochs; for fewer more a run is not gone on with."""


def last(bench: Bench, best: Run) -> tuple[nn.Module, Regimen]:
    """The network with the way that it was trained.

    Args:
        bench: whose rest of the budget it is paid from.
        best: the finalist that was proved.

    A start that does worse on the rows it was trained on than an earlier one did on rows held out gives way to that.
    """
    regimen = best.regimen
    if rises(best) and bench.left >= WORTH * best.price * best.training.epochs:
        return _gone_on(bench, best)
    if best.network is None and best.cut == 1:
        best.end()
    same = [run for run in bench.runs if run.regimen == regimen and run.network is not None]
    forget_all_but_the_best(same)
    earlier = next((run for run in same if run.network is not None), None)
    if earlier is not None and earlier.network is not None and not bench.splits:  # it was on all rows
        return earlier.network, regimen
    skill, network = _on_all_rows(bench, regimen, _usual(bench, regimen))
    if earlier is not None and earlier.network is not None and earlier.skill > skill + LEAST_GAIN:
        return earlier.network, regimen
    return network, regimen


def untouched(bench: Bench, first: Run) -> nn.Module:
    """The original as it trains by itself: what a plain loop with the same seed gives, bit for bit.

    Another start would do a little worse than this one as often as better, and nobody asked for it.

    Args:
        bench: whose rest of the budget it is paid from.
        first: its first run. Where it needs held-out rows to stop by, or there are too few rows to hold any out, that
            is it.
    """
    if not bench.splits or first.training.patience:
        return first.training.end().network
    run = bench.enter(first.regimen, first.member, "last", (bench.rows, bench.rows))
    run.go_on(1.0)
    return run.training.end().network


def forget_all_but_the_best(runs: Sequence[Run]) -> None:
    """Keep one network of several runs."""
    best = max(runs, key=lambda own: own.skill, default=None)
    for run in runs:
        run.network = run.network if run is best else None


def last_price(bench: Bench, regimen: Regimen) -> float:
    """What the last training may cost: of the way itself or, where that isn't kept, of the original."""
    ways = (regimen, Regimen(regimen.origin))
    return max(bench.whole(own) for own in ways) if bench.splits else 0.0


def rises(run: Run) -> bool:
    """Whether it gained in the last quarter, and its schedule would let it gain more."""
    training = run.training
    if run.cut < 1:
        return False
    return not training.settles and not training.stopped and run.skill > run.skill_at(QUARTER) + LEAST_GAIN


def _gone_on(bench: Bench, run: Run) -> tuple[nn.Module, Regimen]:
    """Further with what is left, and back to where the rows that judge were called best."""
    training = run.training
    training.patience = max(1, training.epochs // 2)
    training.go_on(training.epoch + math.floor(bench.left / run.price))
    trained = training.end()
    told = Finding("still_improving", "advice", 0.9, "It still gained at its end.")
    longer = run.regimen.with_changes(
        "train_longer", told, {"training.epochs": training.best[1] or training.epoch}
    )
    return trained.network, longer


def _on_all_rows(bench: Bench, regimen: Regimen, usual: float) -> tuple[float, nn.Module]:
    """Of a few starts the first that does as well as is usual, else the best of them."""
    best: tuple[float, nn.Module] | None = None
    for member in range(STARTS):
        if best is not None and (best[0] >= usual - LEAST_GAIN or bench.whole(regimen) > bench.left):
            break
        run = bench.enter(regimen, member, "last", (bench.rows, bench.rows))
        run.go_on(1.0)
        ended = run.training.end()
        if best is None or ended.score.skill > best[0]:
            best = (ended.score.skill, ended.network)
    assert best is not None
    return best


def _usual(bench: Bench, regimen: Regimen) -> float:
    """Best skill on held-out rows of the runs of this way that came to their end."""
    return max((run.skill for run in bench.runs if run.regimen == regimen and run.share >= 1), default=-1.0)
