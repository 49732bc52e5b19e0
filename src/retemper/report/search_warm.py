"""What an earlier search was worth: five probes, ranked then and now, and whether it was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retemper.report.study import short

MOST_PROBES = 12


def warm_start(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The warm start.

    Args:
        evidence: of the step ``search``; its ``warm_start`` is read.

    Returns:
        ``{}`` where there was none; else ``kept``, ``reason``, ``settings``, ``left_out``, ``name`` of the earlier
        run, and ``probes`` with their losses and ranks before and now.

    >>> probes = [{"values": {"a.b": k}, "before": k, "now": -k} for k in (1, 2)]
    >>> found = warm_start({"warm_start": {"kept": False, "reason": "No.", "probes": probes}})
    >>> [(own["rank_before"], own["rank_now"]) for own in found["probes"]]
    [(1, 2), (2, 1)]
    """
    own = evidence.get("warm_start")
    if not own:
        return {}
    probes = (own.get("probes") or [])[:MOST_PROBES]
    before = _ranks([probe.get("before") for probe in probes])
    now = _ranks([probe.get("now") for probe in probes])
    return {
        "kept": bool(own.get("kept")),
        "reason": own.get("reason") or "",
        "name": str(own.get("run") or "").rstrip("/").rpartition("/")[2],
        "settings": own.get("settings"),
        "left_out": own.get("left_out") or 0,
        "ranked": bool(probes) and any(rank is not None for rank in now),
        "probes": [
            {
                "told": ", ".join(
                    f"{path.removesuffix('.name').rpartition('.')[2].replace('_', ' ')} {short(value)}"
                    for path, value in (probe.get("values") or {}).items()
                ),
                "before": probe.get("before"),
                "now": probe.get("now"),
                "rank_before": before[k],
                "rank_now": now[k],
            }
            for k, probe in enumerate(probes)
        ],
    }


def _ranks(losses: Sequence[float | None]) -> list[int | None]:
    """1 for the lowest; what has no loss has no rank, and the same loss the same one."""
    known = sorted(loss for loss in losses if loss is not None)
    return [None if loss is None else known.index(loss) + 1 for loss in losses]
