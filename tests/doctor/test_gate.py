"""The gate: what stays an error or a warning."""

import math
from dataclasses import replace

import pytest

from retemper.core.records import Finding
from retemper.doctor.case import Case, LossFacts, Sample, Standing
from retemper.doctor.gate import BARELY, BEHIND, FAINT, SLIGHTLY, gated, harm_of, without_faint

WARNING = Finding("oscillating", "warning", 0.8, "Up and down.")
RARE = Finding("unscaled_inputs", "warning", 0.8, "Large.")
CERTAIN = Finding("redundant_softmax", "error", 0.95, "Twice.")
CRASH = Finding("non_finite", "error", 0.99, "NaN.")
GOOD = Standing(0.2, 0.7, accuracy=0.9, majority=0.5, reference=0.8)


def severities(case: Case, *findings: Finding) -> list[str]:
    return [each.severity for each in gated(findings, case)]


def test_a_network_that_does_well_gets_advice_but_for_a_crash() -> None:
    well = Case(standing=replace(GOOD, accuracy=0.995))
    assert severities(well, WARNING, CERTAIN, CRASH) == ["advice", "advice", "error"]


def test_what_is_certain_stays_where_the_network_does_not_do_well() -> None:
    case = Case(standing=GOOD)
    assert severities(case, WARNING, CERTAIN) == ["advice", "error"]
    assert severities(case, replace(CERTAIN, confidence=0.7)) == ["advice"]


@pytest.mark.parametrize(
    "standing",
    [
        replace(GOOD, accuracy=0.51),
        replace(GOOD, accuracy=0.8, reference=0.6 + BEHIND + 0.01),
        replace(GOOD, accuracy=0.5, reference=math.nan),
        Standing(math.nan, math.nan, explained=0.01),
        Standing(math.inf, 0.7),
    ],
)
def test_all_stays_where_the_network_does_poorly(standing: Standing) -> None:
    assert severities(Case(standing=standing), WARNING) == ["warning"]


def test_a_little_behind_the_simple_model_is_no_harm() -> None:
    for ahead, kept in ((BEHIND - 0.01, "advice"), (BEHIND + 0.01, "warning")):
        standing = replace(GOOD, accuracy=0.8, reference=0.6 + ahead)
        assert severities(Case(standing=standing), WARNING) == [kept]


def test_of_what_healthy_networks_hardly_ever_show_little_harm_will_do() -> None:
    for ahead, kept in ((SLIGHTLY - 0.01, "advice"), (SLIGHTLY + 0.01, "warning")):
        case = Case(standing=replace(GOOD, accuracy=0.8, reference=0.6 + ahead))
        assert severities(case, RARE, WARNING) == [kept, "advice"]
        assert severities(case, replace(RARE, confidence=0.95)) == ["warning"]
    ahead = Case(standing=replace(GOOD, accuracy=0.8, reference=0.6 + BARELY - 0.01))
    assert severities(ahead, replace(RARE, confidence=0.95)) == ["advice"]


def test_a_short_training_is_blamed_for_little_only_where_that_is_sure() -> None:
    case = Case(standing=replace(GOOD, accuracy=0.8, reference=0.6 + SLIGHTLY + 0.01))
    short = Finding("too_few_epochs", "warning", 0.75, "Short.")
    assert severities(case, short, replace(short, confidence=0.95)) == ["advice", "warning"]


def test_outputs_that_are_too_large_show_in_a_loss_above_that_of_knowing_nothing() -> None:
    worse = Case(standing=replace(GOOD, loss=0.71))
    assert severities(worse, RARE, WARNING) == ["warning", "advice"]
    assert severities(Case(standing=replace(GOOD, loss=0.69)), RARE) == ["advice"]


def test_where_the_rows_hold_nothing_only_the_rows_are_blamed() -> None:
    nothing = Case(standing=Standing(0.7, 0.7, accuracy=0.5, majority=0.5, reference=0.02))
    assert severities(nothing, WARNING, Finding("misaligned_labels", "warning", 0.8, "Shuffled.")) == [
        "advice",
        "warning",
    ]


def test_rows_that_cannot_be_learnt_by_heart_bear_a_warning_out() -> None:
    facts = LossFacts("logits", trivial=0.7)
    half = replace(GOOD, accuracy=0.7, reference=0.4)
    assert severities(Case(standing=half, loss=facts, sample=Sample(0.7, 0.69)), WARNING) == ["warning"]
    assert severities(Case(standing=half, loss=facts, sample=Sample(0.7, math.nan)), WARNING) == ["warning"]
    assert severities(Case(standing=half, loss=facts, sample=Sample(0.7, 0.01)), WARNING) == ["advice"]
    assert severities(Case(standing=GOOD, loss=facts, sample=Sample(0.7, 0.69)), WARNING) == ["advice"]


def test_without_a_standing_severities_stay() -> None:
    assert severities(Case(), WARNING) == ["warning"]
    assert math.isnan(harm_of(Case()).skill) and math.isnan(harm_of(Case()).behind)


def test_advice_is_never_raised() -> None:
    poor = Case(standing=replace(GOOD, accuracy=0.5))
    assert severities(poor, replace(WARNING, severity="advice")) == ["advice"]


def test_what_hardly_names_the_cause_is_no_alarm_beside_one_that_does() -> None:
    likely, faint = replace(WARNING, confidence=0.6), replace(RARE, confidence=FAINT - 0.01)
    told = replace(likely, severity="advice")
    assert [each.severity for each in without_faint([likely, faint])] == ["warning", "advice"]
    assert [each.severity for each in without_faint([told, faint])] == ["advice", "warning"], "else it stays"
    assert [each.severity for each in without_faint([likely, replace(faint, confidence=FAINT)])] == [
        "warning"
    ] * 2
