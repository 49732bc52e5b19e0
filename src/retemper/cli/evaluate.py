"""``retemper evaluate``: a model's scores on labelled rows."""

from __future__ import annotations

from retemper.cli.options import Data, Json, ModelPath, Quiet, Seed
from retemper.cli.output import print_json, print_table, score_text


def command(
    model: ModelPath, data: Data, seed: Seed = None, json: Json = False, quiet: Quiet = False
) -> None:
    """Score MODEL on DATA, with 95 % intervals.

    The intervals come from the bootstrap; DATA has the target's column.
    """
    from retemper.api.evaluate import evaluate
    from retemper.core.records import to_json

    result = to_json(evaluate(model, data, seed=seed or 0))
    if json:
        print_json(result)
        return
    rows = [(name, score_text(score)) for name, score in result["metrics"]["test"].items()]
    title = "" if quiet else f"{result['rows']['test']} rows, 95 % intervals"
    print_table(title, ("metric", "value"), rows)
