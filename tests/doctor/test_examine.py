"""Several members' histories make one finding a code."""

import numpy as np

from retemper.core import catalogue
from retemper.core.history import History
from retemper.doctor.case import Case
from retemper.doctor.examine import examine
from retemper.doctor.symptoms import overfitting

EPOCHS = np.arange(1.0, 31.0)


def member(number: int, rise: float) -> History:
    train = 0.1 + np.exp(-EPOCHS / 5)
    return History(
        number, {"epoch": EPOCHS, "train_loss": train, "val_loss": train + rise * EPOCHS}, trivial_loss=1.0
    )


def test_a_majority_is_needed_and_the_share_counts() -> None:
    three = [member(0, 0.02), member(1, 0.02), member(2, 0.0)]
    found = {f.code: f for f in examine([Case(h) for h in three]).findings}["overfitting"]
    alone = {f.code: f for f in examine([Case(h) for h in three[:1]]).findings}["overfitting"]
    assert found.evidence["members_shown"] == 2 and found.evidence["members_judged"] == 3
    assert found.confidence == round(alone.confidence * 2 / 3, 3)
    assert "2 of 3 networks" in found.message and "networks show" not in alone.message
    codes = [f.code for f in examine([Case(member(0, 0.02)), Case(member(1, 0.0))]).findings]
    assert "overfitting" not in codes


def test_worst_comes_first() -> None:
    lost = np.where(EPOCHS < 15, member(0, 0.02)["train_loss"] + EPOCHS / 10, np.nan)
    findings = examine(
        [Case(History(0, {"epoch": EPOCHS, "train_loss": lost, "val_loss": lost}, 1.0))]
    ).findings
    assert findings[0].code == "non_finite"
    order = {"error": 0, "warning": 1, "advice": 2}
    ranks = [(order[f.severity], -f.confidence) for f in findings]
    assert ranks == sorted(ranks)


def test_what_cannot_be_judged_is_said_once_with_the_reason() -> None:
    examined = examine([Case(History(0, {"epoch": EPOCHS[:1], "train_loss": EPOCHS[:1]}, float("nan")))])
    assert examined.findings == []
    codes = [code for code, _ in examined.not_applicable]
    assert len(codes) == len(set(codes)) and "overfitting" in codes and "non_finite" not in codes
    assert [code for code, _ in examine([]).not_applicable] == catalogue.names("symptom")


def test_thresholds_can_be_given() -> None:
    strict = {"overfitting": overfitting.Options(rise=100.0, gap=0.99)}
    assert "overfitting" not in [f.code for f in examine([Case(member(0, 0.02))], strict).findings]
