"""Decisions as `retemper retrain` writes them, with made-up but likely numbers."""

from __future__ import annotations

from copy import deepcopy
from typing import Any


def test_of(
    name: str, metric: str, rule: str, gain: tuple[float, float, float], passed: bool, **more: Any
) -> dict:
    """A test of the gate; ``gain`` is (low, difference, high)."""
    base = {
        "limit": 0.0,
        "rows": 2000,
        "p_value": 0.01 if passed else 0.4,
        "could_see": 0.011,
        "blocks": True,
    }
    low, difference, high = gain
    own = {"name": name, "metric": metric, "rule": rule, "difference": difference, "low": low, "high": high}
    return own | {"passed": passed} | base | more


def column(
    name: str, family: str, test: str, p: float, adjusted: float, statistic: float = 0.12
) -> dict[str, Any]:
    """A test of one column."""
    return {
        "name": name,
        "test": test,
        "statistic": statistic,
        "p_value": p,
        "adjusted_p": adjusted,
        "family": family,
    }


def score(value: float, half: float) -> dict[str, float]:
    """A metric with its interval."""
    return {"value": value, "low": value - half, "high": value + half}


def candidate(
    strategy: str, new: tuple[float, float], old: tuple[float, float], seconds: float, cost: float
) -> dict:
    """A strategy: log loss and accuracy on new and on old rows."""
    return {
        "strategy": strategy,
        "new": {"log_loss": score(new[0], 0.02), "accuracy": score(new[1], 0.012)},
        "old": {"log_loss": score(old[0], 0.011), "accuracy": score(old[1], 0.006)},
        "forgetting": old[0] - 0.281,
        "seconds": seconds,
        "cost": cost,
    }


def families(**p_values: float) -> dict[str, Any]:
    """Families of drift tests by their p-values."""
    return {
        name: {"p_value": p, "statistic": 0.2, "what": f"The family {name}: p = {p:.2g}."}
        for name, p in p_values.items()
    }


PICTURES = [
    {
        "name": "hours per week",
        "kind": "number",
        "edges": [0, 10, 20, 30, 35, 40, 45, 50, 60, 80, 100],
        "then": [120, 300, 420, 500, 900, 4200, 700, 640, 180, 40],
        "now": [80, 160, 260, 240, 300, 420, 180, 220, 120, 20],
    },
    {
        "name": "workclass",
        "kind": "category",
        "levels": ["Private", "Self-employed", "Government", "Unpaid", "Platform"],
        "then": [5600, 1400, 900, 100, 0],
        "now": [1100, 240, 190, 20, 450],
    },
]


def promoted() -> dict[str, Any]:
    """Concept drift is confirmed; replay is promoted, and loses on old rows."""
    return {
        "schema": 1,
        "task": "classification",
        "target": "income",
        "seed": 0,
        "seconds": 118.4,
        "drift": {
            "detected": True,
            "p_value": 4.2e-12,
            "alpha": 0.05,
            "families": families(
                numbers=2.1e-5,
                categories=3.0e-13,
                missingness=0.61,
                new_categories=1.1e-9,
                mmd=0.001,
                classifier=0.002,
                predictions=0.0031,
                prior=0.21,
                concept=4.4e-6,
            ),
            "columns": [
                column("workclass", "categories", "chi-square by permutation", 3e-14, 4.2e-12, 210.4),
                column(
                    "workclass", "new_categories", "rows of new levels by permutation", 1e-10, 1e-8, 450.0
                ),
                column(
                    "income", "concept", "chi-square within groups of alike predictions", 4.4e-6, 4e-5, 61.2
                ),
                column("hours per week", "numbers", "Kolmogorov-Smirnov", 5e-6, 1.9e-4, 0.14),
                column("age", "numbers", "Kolmogorov-Smirnov", 0.3, 1.0, 0.02),
                column("income", "prior", "chi-square by permutation", 0.21, 1.0, 1.6),
            ],
            "kinds": ["covariate", "concept"],
            "not_applicable": [{"code": "house number", "why": "it has one value on both sides"}],
            "rows": {"reference": 8000, "current": 2000},
            "pictures": deepcopy(PICTURES),
            "change_point": {
                "row": 12000,
                "rows": 20000,
                "p_value": 0.001,
                "columns": {"workclass": 0.61, "hours per week": 0.3},
            },
        },
        "harm": {
            "metric": "log_loss",
            "before": 0.281,
            "now": 0.395,
            "low": 0.088,
            "high": 0.141,
            "estimated": False,
            "verdict": "harm",
            "reason": "Log loss rose from 0.281 to 0.395 [0.088, 0.141 more].",
            "rows_before": 8000,
            "rows_now": 2000,
        },
        "candidates": [
            candidate("nothing", (0.395, 0.821), (0.281, 0.871), 0.0, 0.0),
            candidate("recalibrate", (0.372, 0.822), (0.296, 0.870), 0.6, 0.001),
            candidate("fine_tune", (0.331, 0.852), (0.331, 0.848), 9.1, 0.09),
            candidate("replay", (0.318, 0.858), (0.299, 0.861), 14.0, 0.17),
            candidate("from_scratch", (0.321, 0.857), (0.297, 0.862), 81.0, 1.0),
        ],
        "choice": "Of those within noise of the best, replay is the cheapest.",
        "tried": {"short_runs": 12, "networks_trained": 20},
        "strategy": "replay",
        "gate": {
            "verdict": "promote",
            "reason": "A gain is proved: log_loss on 2000 new rows is better by 0.077 [0.059, 0.095], and nothing "
            "stands against it; accuracy_on_old failed, which confirmed concept drift excuses.",
            "tests": [
                test_of("better_on_new", "log_loss", "gain", (0.059, 0.077, 0.095), True, could_see=0.026),
                test_of(
                    "accuracy_on_new", "accuracy", "no_harm", (0.02, 0.037, 0.054), True, could_see=0.024
                ),
                test_of(
                    "calibration", "ece", "no_harm", (-0.012, 0.001, 0.014), True, limit=0.02, could_see=0.019
                ),
                test_of("cost", "ratio", "limit", (0.0, 0.0, 0.0), True, limit=5.0, rows=1, could_see=None),
                test_of(
                    "not_worse_on_old",
                    "log_loss",
                    "not_worse",
                    (-0.024, -0.018, -0.012),
                    False,
                    limit=0.01,
                    rows=8000,
                    blocks=False,
                    could_see=0.008,
                ),
                test_of(
                    "accuracy_on_old",
                    "accuracy",
                    "not_worse",
                    (-0.0143, -0.0100, -0.0057),
                    False,
                    limit=0.01,
                    rows=8000,
                    blocks=False,
                    could_see=0.006,
                ),
                test_of(
                    "slice: workclass is Private",
                    "log_loss",
                    "no_harm",
                    (0.03, 0.06, 0.09),
                    True,
                    rows=1100,
                    could_see=0.04,
                ),
                test_of(
                    "slice: workclass is Self-employed",
                    "log_loss",
                    "no_harm",
                    (-0.05, 0.02, 0.09),
                    True,
                    rows=240,
                    could_see=0.09,
                ),
            ],
            "not_tested": {"slice: workclass is Unpaid": "it has only 20 rows"},
        },
        "forgetting": {
            "metric": "accuracy",
            "batches": ["first", "March", "April", "May"],
            "matrix": [
                [0.871, 0.842, 0.831, 0.821],
                [0.868, 0.866, 0.840, 0.829],
                [0.866, 0.862, 0.863, 0.833],
                [0.861, 0.858, 0.860, 0.858],
            ],
            "backward_transfer": -0.0073,
            "forward_transfer": 0.011,
            "by_class": [
                {"class": "<=50K", "before": 0.93, "after": 0.935, "rows": 6080},
                {"class": ">50K", "before": 0.684, "after": 0.627, "rows": 1920},
            ],
        },
        "champion": "income@3",
        "challenger": "income@4",
        "promoted": True,
    }


def kept() -> dict[str, Any]:
    """A gain on new rows, but a loss on old ones and in a slice: the champion stays."""
    made = promoted()
    made["drift"] |= {
        "kinds": ["covariate"],
        "families": families(numbers=2.1e-5, categories=0.02, mmd=0.001),
    }
    del made["drift"]["change_point"], made["forgetting"], made["choice"]
    made["drift"]["columns"] = [own for own in made["drift"]["columns"] if own["family"] == "numbers"]
    made["drift"]["pictures"] = deepcopy(PICTURES[:1])
    made["strategy"] = "fine_tune"
    made["gate"] = {
        "verdict": "keep",
        "reason": "A gain is proved (log_loss on 2000 new rows is better by 0.064 [0.046, 0.082]), but it costs too "
        "much elsewhere: accuracy_on_old: a loss of 0.01 accuracy is not ruled out (gain -0.023 [-0.028, -0.018]).",
        "tests": [
            test_of("better_on_new", "log_loss", "gain", (0.046, 0.064, 0.082), True, could_see=0.026),
            test_of("accuracy_on_new", "accuracy", "no_harm", (0.014, 0.031, 0.048), True, could_see=0.024),
            test_of(
                "accuracy_on_old",
                "accuracy",
                "not_worse",
                (-0.028, -0.023, -0.018),
                False,
                limit=0.01,
                rows=8000,
                could_see=0.006,
            ),
            test_of(
                "slice: workclass is Unpaid",
                "log_loss",
                "no_harm",
                (-0.4, -0.22, -0.04),
                False,
                rows=60,
                could_see=0.25,
            ),
            test_of("cost", "ratio", "limit", (-1.4, -1.3, -1.2), True, limit=5.0, rows=20, could_see=None),
        ],
        "not_tested": {},
    }
    return made | {"promoted": False}


def unlabelled() -> dict[str, Any]:
    """Drift in rows without the target: nothing could be tried."""
    made = promoted()
    made["drift"]["families"] = families(numbers=2.1e-5, categories=3e-13, mmd=0.001, predictions=0.02)
    made["drift"]["columns"] = [own for own in made["drift"]["columns"] if own["name"] != "income"]
    made["drift"] |= {"kinds": ["covariate"]}
    made["drift"]["not_applicable"] = [
        {"code": "concept", "why": "the target is not there on both sides"},
        {"code": "prior", "why": "the target is not there on both sides"},
    ]
    made["harm"] = {
        "metric": "accuracy",
        "before": 0.871,
        "now": 0.849,
        "low": -0.041,
        "high": -0.003,
        "estimated": True,
        "verdict": "harm",
        "reason": "Estimated without labels: accuracy falls from 0.871 to 0.849 [-0.041, -0.003].",
        "rows_before": 8000,
        "rows_now": 2000,
        "reliability": "fair",
        "estimates": {
            "confidence": {"now": 0.851, "error": 0.004, "gap": 0.006, "effective_rows": None},
            "importance_weighting": {"now": 0.847, "error": 0.008, "gap": 0.009, "effective_rows": 2210.4},
        },
    }
    gate = {
        "verdict": "keep",
        "reason": "The new rows have no target, so that no challenger can be judged.",
        "tests": [],
    }
    made |= {"candidates": [], "strategy": "nothing", "gate": gate, "challenger": None, "promoted": False}
    del made["forgetting"], made["choice"], made["tried"]
    return made


def bare() -> dict[str, Any]:
    """The keys of the contract alone."""
    made = kept()
    drift = {key: made["drift"][key] for key in ("detected", "p_value", "alpha", "families", "columns")}
    harm = {key: made["harm"][key] for key in ("metric", "before", "now", "low", "high", "estimated")}
    keys = ("name", "difference", "low", "high", "passed")
    tests = [{key: own[key] for key in keys} for own in made["gate"]["tests"]]
    tried = [
        {key: own[key] for key in ("strategy", "new", "old", "forgetting", "seconds")}
        for own in made["candidates"]
    ]
    gate = {"verdict": "keep", "reason": made["gate"]["reason"], "tests": tests}
    rest = {key: made[key] for key in ("schema", "strategy", "champion", "challenger", "promoted")}
    return {**rest, "drift": drift, "harm": harm, "candidates": tried, "gate": gate}


def stream() -> list[tuple[str, dict[str, Any]]]:
    """Fourteen months: quiet, a jump that is cured in the fifth, slow decay, cures that pass and one that does not."""
    now = [0.279, 0.284, 0.290, 0.283, 0.395, 0.322, 0.327, 0.331, 0.342, 0.347, 0.352, 0.349, 0.371, 0.330]
    made, champion, before = [], 3, 0.281
    for month, value in enumerate(now, 1):
        hurt, labels = value - before > 0.03, month not in (9, 10)
        own = promoted() if hurt and month != 12 else kept() if hurt else unlabelled()
        took = own["promoted"] and labels
        own["promoted"] = took
        own["champion"], own["challenger"] = f"income@{champion}", f"income@{champion + 1}" if took else None
        own["harm"] = {
            "metric": "log_loss",
            "before": before,
            "now": value,
            "low": value - before - 0.026,
            "high": value - before + 0.026,
            "estimated": not labels,
        }
        own["drift"] |= {
            "detected": hurt or month == 3,
            "p_value": 1e-9 if hurt else 0.03 if month == 3 else 0.4,
        }
        if not hurt:
            own["drift"] |= {"kinds": []}
        if not labels:
            own["candidates"] = []
        champion, before = champion + took, 0.318 if took else before
        made.append((f"2026-{month:02}", own))
    return made
