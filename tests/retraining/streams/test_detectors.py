"""Detectors of a change row by row: soon after one, hardly ever without."""

import numpy as np
import pytest

from retemper.core.errors import InputError
from retemper.retraining.streams.adwin import ADWIN
from retemper.retraining.streams.ddm import DDM
from retemper.retraining.streams.page_hinkley import PageHinkley

MAKERS = {"adwin": ADWIN, "ddm": DDM, "page_hinkley": lambda: PageHinkley(threshold=20)}


def _alarms(detector, rows):
    return [row for row, value in enumerate(rows) if detector.update(value)]


def _errors(seed, *parts):
    draws = np.random.default_rng(seed)
    return np.concatenate([draws.random(rows) < share for rows, share in parts]).astype(float)


@pytest.mark.parametrize("name", MAKERS)
def test_a_rise_of_the_errors_is_found_soon_and_once_or_twice(name):
    for seed in range(5):
        alarms = _alarms(MAKERS[name](), _errors(seed, (1000, 0.1), (600, 0.5)))
        after = [row for row in alarms if row >= 1000]
        assert after and after[0] < 1150


@pytest.mark.parametrize("make", [ADWIN, lambda: PageHinkley(delta=0.02)])
def test_without_a_change_there_is_hardly_an_alarm(make):
    assert sum(len(_alarms(make(), _errors(seed, (4000, 0.2)))) for seed in range(5)) <= 1


def test_adwin_finds_a_fall_and_keeps_what_came_after():
    detector = ADWIN()
    alarms = _alarms(detector, _errors(0, (2000, 0.6), (500, 0.2)))
    assert 2000 <= alarms[0] < 2100
    assert 400 < detector.rows < 620 and detector.mean == pytest.approx(0.2, abs=0.06)


def test_adwin_s_window_has_the_mean_of_the_last_values():
    detector, values = ADWIN(), np.random.default_rng(0).random(777)
    assert not _alarms(detector, values)
    assert detector.rows == 777 and detector.mean == pytest.approx(values.mean())
    assert sum(len(buckets) for buckets in detector._sizes) < 60


def test_adwin_cuts_where_its_paper_says():
    # 3 | 2 rows of 0 and v: ln(2 ln 5 / .999) = 1.170, 1/m = .8333, variance .24 v^2, so a cut needs
    # v > sqrt(2 x .24 x 1.170 x .8333) v + 2/3 x 1.170 x .8333 = .684 v + .650, that is v > 2.06.
    for value, cut in ((2.0, False), (2.1, True)):
        detector = ADWIN(delta=0.999, every=1, least_rows=1)
        assert not _alarms(detector, [0.0, 0.0, 0.0, value])
        assert detector.update(value) is cut


def test_page_hinkley_by_hand():
    # Ten zeros, then ones: the mean after k ones is k / (10 + k), so the sum rises by 10 / (10 + k) each.
    detector = PageHinkley(delta=0.0, threshold=3.0, least_rows=1)
    rises = np.cumsum(10 / (10 + np.arange(1, 20)))
    assert _alarms(detector, [0.0] * 10 + [1.0] * 8) == [10 + int(np.argmax(rises > 3.0))]


def test_page_hinkley_bears_a_fall_and_begins_anew():
    detector = PageHinkley(threshold=5.0)
    assert not _alarms(detector, [1.0] * 100 + [0.0] * 100)
    assert len(_alarms(detector, [3.0] * 20)) == 1 and detector.rows < 20


def test_ddm_warns_before_it_speaks():
    detector = DDM()
    _alarms(detector, [row % 10 == 0 for row in range(300)])
    assert not detector.warned
    warned = None
    for row in range(60):
        if detector.update(True):
            break
        if detector.warned and warned is None:
            warned = row
    assert warned is not None and warned < row


def test_ddm_s_first_error_is_no_change():
    assert not _alarms(DDM(), [0] * 500 + [1] + [0] * 100)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ADWIN(delta=0.0),
        lambda: ADWIN(every=0),
        lambda: PageHinkley(threshold=0),
        lambda: PageHinkley(delta=-1),
        lambda: DDM(change=1.0),
        lambda: DDM().update(0.5),
        lambda: ADWIN().update(float("nan")),
        lambda: PageHinkley().update(float("inf")),
    ],
)
def test_values_out_of_range_are_refused(make):
    with pytest.raises(InputError) as error:
        make()
    assert error.value.code == "bad_value"
