"""Data checks: each fires on its fault, is silent on a healthy table, and says when it can't judge."""

import json
from typing import Any

import numpy as np
import pytest

from retemper.core.recipe_sections import DataOptions
from retemper.core.records import Finding
from retemper.data.check import CHECKS, SPLIT_CHECKS, Checked, check
from retemper.data.read import read
from retemper.data.schema import infer

N = 400
RANDOM = np.random.default_rng(2)
Y = np.array(["a", "b"] * (N // 2))
HEALTHY: dict[str, Any] = {
    "size": RANDOM.normal(size=N) + (Y == "a"),
    "age": RANDOM.integers(18, 90, N),
    "job": RANDOM.choice(["clerk", "cook", "nurse"], N),
    "y": Y,
}


def _check(columns: dict[str, Any], target: str | None = "y", **options: Any) -> Checked:
    table = read(columns)
    return check(table, infer(table, DataOptions(target=target, **options)))


def _finding(code: str, /, **columns: Any) -> Finding:
    options = columns.pop("options", {})
    found = {finding.code: finding for finding in _check({**HEALTHY, **columns}, **options).findings}
    assert code in found, list(found)
    return found[code]


OF_SPLITS = set(SPLIT_CHECKS) - {"near_duplicates"}
"""Checks that need the parts; near copies are also looked for without them."""


def test_a_healthy_table_has_no_findings() -> None:
    checked = _check(HEALTHY)
    assert checked.findings == []
    assert dict(checked.not_applicable).keys() == {"missing_tells_target", *OF_SPLITS}


def _with_gaps(share: float) -> list[float | None]:
    return [None if i < share * N else float(v) for i, v in enumerate(HEALTHY["size"])]


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "missing_values": ({"size": _with_gaps(0.1)}, "advice"),
    "constant_column": ({"same": ["x"] * N}, "advice"),
    "identifier_column": ({"code": [f"A{i}" for i in range(N)]}, "advice"),
    "class_imbalance": ({"y": ["a"] * 380 + ["b"] * 20}, "warning"),
    "outliers": ({"size": [1e6, *HEALTHY["size"][1:]]}, "advice"),
    "mixed_types": ({"count": [*map(str, RANDOM.integers(0, 9, N - 1)), "many"]}, "warning"),
    "leakage": ({"late": (Y == "a") * 2 + RANDOM.random(N)}, "warning"),
    "duplicate_columns": ({"again": HEALTHY["size"]}, "advice"),
    "high_cardinality": ({"street": [f"street {i // 2}" for i in range(N)]}, "advice"),
}


@pytest.mark.parametrize("code", FAULTS)
def test_fires_on_its_fault(code: str) -> None:
    columns, severity = FAULTS[code]
    finding = _finding(code, **columns)
    assert finding.severity == severity and 0 < finding.confidence <= 1
    assert finding.message.endswith(".") and finding.evidence
    json.dumps(finding.evidence, allow_nan=False)


def test_severity_grows_with_the_share() -> None:
    assert _finding("missing_values", size=_with_gaps(0.4)).severity == "warning"
    assert _finding("class_imbalance", y=["a"] * 330 + ["b"] * 70).severity == "advice"


def test_duplicate_rows_and_few_rows() -> None:
    columns = {name: np.concatenate([cells[:100], cells[:20]]) for name, cells in HEALTHY.items()}
    found = {finding.code: finding for finding in _check(columns).findings}
    assert found["duplicate_rows"].evidence["rows"] == 20 and found["duplicate_rows"].severity == "warning"
    assert found["few_rows"].evidence == {"rows": 120, "warning_below": 200}


def test_conflicting_labels() -> None:
    columns = {"size": [float(i // 4) for i in range(N)], "y": [*("aaab" * (N // 8)), *("bbbb" * (N // 8))]}
    finding = next(f for f in _check(columns).findings if f.code == "conflicting_labels")
    assert finding.evidence["rows"] == 50 and "0.875" in finding.message


def test_identifiers_in_use_are_a_warning() -> None:
    finding = _finding("identifier_column", code=[f"A{i}" for i in range(N)], options={"clean": False})
    assert finding.severity == "warning" and finding.evidence["used"] == ["code"]


@pytest.mark.parametrize(
    ("leak", "y"),
    [
        (np.where(Y == "a", "x", "z"), Y),
        ([f"2024-{1 if v == 'a' else 2:02}-{1 + i % 28:02}" for i, v in enumerate(Y)], Y),
        (np.arange(N) % 3 + 0.1 * RANDOM.random(N), np.array(["u", "v", "w"])[np.arange(N) % 3]),
        (np.linspace(0, 9, N) ** 2, np.linspace(0, 9, N)),
        ([f"g{i // 20}" for i in range(N)], [i // 20 + 0.001 * (i % 20) for i in range(N)]),
    ],
)
def test_leaks_of_every_kind(leak: Any, y: Any) -> None:
    finding = _finding("leakage", leak=leak, y=y)
    assert list(finding.evidence["columns"]) == ["leak"] and "'leak'" in finding.message


def test_without_target() -> None:
    columns = {name: cells for name, cells in HEALTHY.items() if name != "y"}
    checked = _check(columns, target=None)
    assert {code for code, _ in checked.not_applicable} == {
        "class_imbalance",
        "conflicting_labels",
        "leakage",
        "missing_tells_target",
        *OF_SPLITS,
    }
    assert "classes" not in checked.evidence and "target" not in checked.evidence


def test_regression_target_and_few_rows() -> None:
    checked = _check({"size": RANDOM.normal(size=30), "y": RANDOM.normal(size=30)})
    assert {"class_imbalance", "conflicting_labels", "leakage", "near_duplicates", "outlier_rows"} <= dict(
        checked.not_applicable
    ).keys()
    assert sum(checked.evidence["target"]["counts"]) == 30


def test_evidence() -> None:
    table = read({**HEALTHY, "job": [None, *HEALTHY["job"][1:]]})
    evidence = check(table, infer(table, DataOptions(target="y"))).evidence
    json.dumps(evidence, allow_nan=False)
    columns = {column["name"]: column for column in evidence["columns"]}
    assert evidence["rows"] == N and evidence["duplicates"] == 0
    assert evidence["classes"] == {"a": N // 2, "b": N // 2}
    assert (
        len(columns["size"]["histogram"]["edges"]) == 21 and sum(columns["size"]["histogram"]["counts"]) == N
    )
    assert set(columns["job"]["levels"]) == {"clerk", "cook", "nurse"} and columns["job"]["missing"] == 1
    assert columns["job"]["counts"] == sorted(columns["job"]["counts"], reverse=True)


def test_only_the_given_rows_are_looked_at() -> None:
    size = HEALTHY["size"].copy()
    size[-1] = 1e9
    table = read({**HEALTHY, "size": size})
    schema = infer(table, DataOptions(target="y"))
    assert "outliers" in [finding.code for finding in check(table, schema).findings]
    checked = check(table, schema, rows=np.arange(N - 1))
    assert checked.findings == [] and checked.evidence["rows"] == N - 1


def test_rows_without_a_values_of_a_column() -> None:
    table = read({**HEALTHY, "size": [*[None] * 300, *np.linspace(0, 1, 100)]})
    checked = check(table, infer(table, DataOptions(target="y")), rows=np.arange(250))
    assert checked.evidence["columns"][0]["histogram"] == {"edges": [], "counts": []}


def test_every_check_is_documented() -> None:
    assert all(run.__doc__ for run in [*CHECKS.values(), *SPLIT_CHECKS.values()])


@pytest.mark.parametrize("start", [1.0, 1e17, -1e17, 0.0])
def test_numbers_as_close_as_numbers_get_are_counted(start: float) -> None:
    close = np.array([start, np.nextafter(start, np.inf), np.nextafter(np.nextafter(start, np.inf), np.inf)])
    checked = _check({**HEALTHY, "close": close[RANDOM.integers(0, 3, N)]})
    shown = next(c for c in checked.evidence["columns"] if c["name"] == "close")["histogram"]
    assert sum(shown["counts"]) == N and (np.diff(shown["edges"]) > 0).all()


def test_no_number_among_the_rows_looked_at() -> None:
    few = {name: [1.0 * k, 2.0 * k, 3.0 * k, 5.0, *[None] * (N - 4)] for k, name in ((1, "a"), (2, "b"))}
    table = read({**HEALTHY, **few})
    schema = infer(table, DataOptions(target="y", drop=["size", "age"]))
    assert "outlier_rows" in dict(check(table, schema, np.arange(4, N)).not_applicable)
