"""What the gate says of a challenger: the verdict, one sentence, and every test with what it could have seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from retemper.core.records import to_json

GateRule = Literal["gain", "not_worse", "no_harm", "limit"]


@dataclass(frozen=True)
class GateTest:
    """One test of challenger against champion.

    ``gain``: passed when a gain is proved. ``not_worse``: passed when a loss beyond ``-limit`` is ruled out.
    ``no_harm``: passed unless a loss beyond ``-limit`` is proved. ``limit``: passed when a ratio stays below ``limit``.

    Args:
        name: ``better_on_new``, ``accuracy_on_old``, ``slice: city is Paris``, …
        metric: what is compared, in its own units.
        rule: what passes.
        difference: the gain, positive when the challenger is better; ``low`` and ``high`` are its 95 % interval.
        passed: whether the rule holds.
        limit: the bound that the rule names: a loss, in the metric's units, or a ratio.
        rows: compared; of ``limit``, measurements.
        old_rows: how many of these are old ones, which the champion has not seen, of the same world.
        p_value: of the rule's null hypothesis (over slices: by Holm); None for ``limit``.
        could_see: a change this large is told from none in 80 of 100 samples of as many rows; None for ``limit``.
        blocks: whether a failure keeps the champion.
    """

    name: str
    metric: str
    rule: GateRule
    difference: float
    low: float
    high: float
    passed: bool
    limit: float
    rows: int
    p_value: float | None = None
    could_see: float | None = None
    blocks: bool = True
    old_rows: int = 0


@dataclass(frozen=True)
class Gate:
    """Challenger against champion.

    Args:
        verdict: ``promote`` or ``keep``.
        reason: one sentence.
        tests: in the order they are told.
        not_tested: name of a test → why it could not be made.

    >>> Gate("keep", "The challenger is not better.", ()).promoted
    False
    """

    verdict: Literal["promote", "keep"]
    reason: str
    tests: tuple[GateTest, ...]
    not_tested: Mapping[str, str] = field(default_factory=dict)

    @property
    def promoted(self) -> bool:
        """Whether the challenger takes the champion's place."""
        return self.verdict == "promote"

    def to_json(self) -> dict[str, Any]:
        """Plain data, as ``gate`` of decision.json; an end that is not finite is null.

        >>> Gate("keep", "The challenger is not better.", ()).to_json()["verdict"]
        'keep'
        """
        plain: dict[str, Any] = to_json(self)
        return plain
