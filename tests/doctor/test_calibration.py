"""Confidences where causes vie, and the order of findings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retemper.core import catalogue
from retemper.core.records import Finding
from retemper.doctor.calibration import MOST, calibrated, ordered
from retemper.doctor.case import Case, Standing
from retemper.doctor.causes import LIKELIHOOD, likelihood, ranked

POOR = Case(standing=Standing(0.7, 0.7, accuracy=0.5, majority=0.5))
CODES = sorted(LIKELIHOOD)
FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from(CODES),
        st.sampled_from(["error", "warning", "advice"]),
        st.floats(0.01, 1.0),
        st.just("Seen."),
    ),
    unique_by=lambda own: own.code,
    max_size=12,
)


def test_every_symptom_has_its_likelihood() -> None:
    assert set(catalogue.names("symptom")) <= set(LIKELIHOOD)
    assert all(0 < own <= 1 for own in LIKELIHOOD.values())


@given(FINDINGS)
def test_probabilities_fall_in_the_order_of_likelihood(findings: list[Finding]) -> None:
    found = calibrated(findings)
    assert sorted(own.code for own in found) == sorted(own.code for own in findings)
    sure = [own.confidence for own in found]
    assert sure == sorted(sure, reverse=True)
    assert all(0 < own <= MOST for own in sure)
    raw = {own.code: likelihood(own) for own in findings}
    assert [raw[own.code] for own in found] == sorted(raw.values(), reverse=True)


def test_alone_a_finding_is_as_sure_as_it_shows_and_beside_a_likelier_one_less() -> None:
    plateau, twice = (
        Finding("plateau", "error", 0.9, "Flat."),
        Finding("redundant_softmax", "error", 0.9, "Twice."),
    )
    assert calibrated([plateau])[0].confidence == pytest.approx(likelihood(plateau), abs=1e-3)
    first, second = calibrated([plateau, twice])
    assert (first.code, second.code) == ("redundant_softmax", "plateau")
    assert second.confidence < calibrated([plateau])[0].confidence / 2


def test_causes_vie_only_where_the_network_fails() -> None:
    plateau = Finding("plateau", "error", 0.9, "Flat.")
    advice = Finding("redundant_softmax", "advice", 0.9, "Twice.")
    assert [own.code for own in ordered([plateau, advice], POOR)] == ["redundant_softmax", "plateau"]
    assert ordered([plateau, advice], Case()) == ranked([plateau, advice]) == [plateau, advice]
    assert ordered([advice], POOR) == [advice]
