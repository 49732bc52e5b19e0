"""``retemper evaluate``: a model's scores on labelled rows."""

from __future__ import annotations

from typing import Any

from retemper.cli.options import Data, Json, ModelPath, Quiet, Seed
from retemper.cli.output import print_json, print_table, score_text


def command(
    model: ModelPath, data: Data, seed: Seed = None, json: Json = False, quiet: Quiet = False
) -> None:
    """Score MODEL on DATA, with 95 % intervals.

    DATA has the target's column. Classes are called as `predict` calls them.
    """
    from retemper.api.evaluate import evaluate
    from retemper.core.records import to_json

    result = to_json(evaluate(model, data, seed=seed or 0))
    if json:
        print_json(result)
        return
    rows = [(name, score_text(score)) for name, score in result["metrics"]["test"].items()]
    title = "" if quiet else f"{result['rows']['test']} rows, 95 % intervals{_how(result['how'])}"
    print_table(title, ("metric", "value"), rows)


def _how(how: dict[str, Any]) -> str:
    """What a reader of the scores must know: how classes are called, which columns weigh and group the rows."""
    called, words = how["called"] or {}, []
    if called.get("by") == "threshold":
        words.append(f"{called['positive']!r} from a probability of {called['value']:.3g} on")
    if called.get("by") == "costs":
        words.append("classes of least expected cost")
    words += [
        f"{what} {how[role]!r}"
        for role, what in (("weight", "weighted by"), ("group", "by groups of"))
        if how[role]
    ]
    return "".join(f"; {word}" for word in words)
