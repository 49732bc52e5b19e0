"""A decision in plain words: names of strategies, tests and families, changes as a person reads them."""

from __future__ import annotations

from typing import Any

from retemper.report.words import MAIN, NOTHING, fixed, metric, number, percent, phrase

SHARES = {"accuracy", "balanced_accuracy", "f1_macro", "precision_macro", "recall_macro", "ece"}
"""Metrics that are told in per cent, and their changes in points."""

STRATEGIES = {
    "nothing": ("Nothing", "the model as it is"),
    "recalibrate": ("Recalibrate", "only a few numbers behind the outputs are corrected"),
    "new_head": ("New head", "only the last layer learns"),
    "fine_tune": ("Fine-tune", "all weights learn on, slowly, on new rows"),
    "warm_start": ("Warm start", "training goes on from the old weights, on old and new rows"),
    "shrink_and_perturb": ("Shrink and perturb", "training starts from shrunken, shaken old weights"),
    "replay": ("Replay", "learns new rows mixed with old ones"),
    "der_plus_plus": ("DER++", "replay that also keeps the old model's answers on old rows"),
    "lwf": ("Learning without forgetting", "keeps the old model's answers on new rows; needs no old ones"),
    "ewc": ("Elastic weights", "weights that old rows need are held back"),
    "gdumb": ("GDumb", "trained from nothing on a balanced few rows"),
    "from_scratch": ("From scratch", "trained from nothing on old and new rows"),
    "new_search": ("New search", "settings searched again, begun from the last ones"),
}

KINDS = {
    "covariate": ("Inputs", "The inputs look different from before."),
    "prior": ("Target", "The target's values come in other shares than before."),
    "concept": ("Concept", "The same inputs now have other targets: what was learnt is no longer true."),
}

FAMILIES = {
    "numbers": "Columns of numbers",
    "categories": "Shares of categories",
    "missingness": "Missing cells",
    "new_categories": "New categories",
    "mmd": "All columns together, by distances",
    "classifier": "All columns together, told apart by trees",
    "predictions": "The model's predictions",
    "prior": "The target",
    "concept": "The target of like inputs",
}


def strategy(name: str) -> str:
    """A strategy's title.

    >>> strategy("fine_tune"), strategy("my_own")
    ('Fine-tune', 'My own')
    """
    return STRATEGIES.get(name, (phrase(name), ""))[0]


def main_metric(decision: dict[str, Any]) -> str:
    """The metric that the decision is told by: the one that harm was looked for in.

    >>> main_metric({"harm": {"metric": "rmse"}}), main_metric({})
    ('rmse', 'log_loss')
    """
    named = (decision.get("harm") or {}).get("metric")
    return str(named or MAIN.get(str(decision.get("task")), "log_loss"))


def told(name: str, value: float | None) -> str:
    r"""A metric's value.

    >>> told("accuracy", 0.9123), told("log_loss", 0.2)
    ('91.2\xa0%', '0.2000')
    """
    return percent(value) if name in SHARES else fixed(value)


def change(name: str, value: float | None, signed: bool = False) -> str:
    """A change of a metric: of a share, in points.

    >>> change("accuracy", -0.0123), change("log_loss", 0.02, signed=True), change("rmse", None)
    ('−1.23 points', '+0.02', '–')
    """
    if value is None:
        return NOTHING
    plus = "+" if signed and value > 0 else ""
    if name not in SHARES:
        return plus + number(float(f"{value:.3g}"))
    points = number(float(f"{100 * value:.3g}" if abs(value) < 0.1 else f"{100 * value:.1f}"))
    return f"{plus}{points} point{'s' if abs(abs(value) - 0.01) > 1e-9 else ''}"


def ends(name: str, low: float | None, high: float | None) -> str:
    """Both ends of the interval of a change.

    >>> ends("accuracy", -0.02, 0.01), ends("rmse", None, 1.0)
    ('−2 to +1 points', 'no interval')
    """
    if low is None or high is None:
        return "no interval"
    unit = " points" if name in SHARES else ""
    words = [change(name, end, signed=True).split(" ")[0] for end in (low, high)]
    return f"{words[0]} to {words[1]}{unit}"


def loss_ends(name: str, low: float | None, high: float | None) -> str:
    """The interval of a gain, told as that of a loss.

    >>> loss_ends("accuracy", -0.03, -0.01)
    '1 to 3 points'
    """
    if low is None or high is None:
        return "no interval"
    first, last = ends(name, -high, -low).split(" to ")
    return f"{first.removeprefix('+')} to {last.removeprefix('+')}"


def gain_ends(name: str, low: float | None, high: float | None) -> str:
    """The interval of a gain, without a plus.

    >>> gain_ends("accuracy", 0.01, 0.03)
    '1 to 3 points'
    """
    return ends(name, low, high).replace("+", "")


def gate_test(name: str) -> str:
    """What a test of the gate asks, as a title.

    >>> gate_test("better_on_new"), gate_test("log_loss_on_new"), gate_test("slice: city is Rome")
    ('Better on new rows', 'Log loss on new rows', 'Where city is Rome')
    """
    known = {
        "better_on_new": "Better on new rows",
        "likely_on_new_alone": "A gain likely by new rows alone",
        "not_worse_on_old": "Not worse on old rows",
        "calibration": "Honest probabilities",
        "cost": "Cost of a prediction",
    }
    if name in known:
        return known[name]
    if name.startswith("slice: "):
        return f"Where {name.removeprefix('slice: ')}"
    for ending, rows in (("_on_new", "new"), ("_on_old", "old")):
        if name.endswith(ending):
            return f"{metric(name.removesuffix(ending)).title} on {rows} rows"
    return phrase(name)


def plural(count: int, word: str) -> str:
    """``plural(1, "row")`` is ``1 row``; ``plural(2000, "row")`` is ``2,000 rows``.

    >>> plural(1, "strategy"), plural(3, "strategy")
    ('1 strategy', '3 strategies')
    """
    several = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{number(count)} {word if count == 1 else several}"
