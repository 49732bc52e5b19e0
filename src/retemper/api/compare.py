"""Is the second of two models truly better? The gate between them, on rows that neither has trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retemper.api.faults import machine_faults
from retemper.api.predict import load
from retemper.bundle.model import Model
from retemper.core.gate_records import Gate
from retemper.retraining.gate import gate
from retemper.retraining.gate_models import cost_of, paired_rows
from retemper.retraining.gate_options import GateOptions


def compare(
    champion: Model | str | Path,
    challenger: Model | str | Path,
    data: Any,
    old: Any = None,
    slices: Sequence[str] = (),
    concept_drift: bool = False,
    **options: Any,
) -> Gate:
    """Champion against challenger: promote only on a proved gain, and only if nothing speaks against it.

    A challenger of no gain is promoted with a probability of ``alpha`` at most; each test says what it could have
    seen. See :func:`retemper.retraining.gate.gate` for the tests. Rows are weighted and grouped by the columns that
    the champion was trained with. Nothing is random, and no clock is read: the cost is that of multiply-adds.

    Args:
        champion, challenger: models, paths of run or bundle folders, or ``name[@version]`` of the registry.
        data: labelled rows that neither has trained on. Rows that chose between several challengers favour the
            chosen: give other ones.
        old: labelled rows of the past that neither has trained on; None: forgetting is not looked at.
        slices: columns; the challenger must not be worse at any of their levels or ranges.
        concept_drift: it is confirmed that the same inputs now have other targets: ``old`` is reported, and does
            not block unless ``strict``.
        options: ``metric`` (``"log_loss"`` or ``"rmse"``), ``alpha`` (.025), ``margin_points`` (1), ``old_power`` (.8),
            ``ece_points`` (2), ``cost_ratio`` (5), ``strict`` (False); see
            :class:`retemper.retraining.gate_options.GateOptions`.

    Returns:
        ``.verdict`` (``"promote"`` or ``"keep"``), ``.reason``, ``.tests``, ``.not_tested``, ``.to_json()``.

    Raises:
        InputError: models of different targets, data without the target, or an option out of its range.

    >>> compare("runs/spring", "runs/summer", "june.csv", old="may.csv").verdict  # doctest: +SKIP
    'promote'
    """
    checked = GateOptions.checked(options)
    first, second = (load(m) if isinstance(m, (str, Path)) else m for m in (champion, challenger))
    with machine_faults():
        new, named = paired_rows(first, second, data, slices)
        past = None if old is None else paired_rows(first, second, old)[0]
        cost = [cost_of(first)], [cost_of(second)]
        return gate(new, past, named, cost, concept_drift, checked)
