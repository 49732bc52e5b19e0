"""What every sampler keeps to: the seed, the space, its conditions, its end, and the same course after a resume."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from retemper.core import catalogue
from retemper.core.errors import InputError
from retemper.search.distributions import Distributions, key_of
from retemper.search.samplers import bayes, listed
from retemper.search.space import Condition, Interval, Setting, Space, Words

SPACE = Space(
    {
        "momentum": Interval(0.5, 0.99),
        "optimizer": Words(("adam", "sgd")),
        "rate": Interval(1e-5, 1.0, log=True),
        "width": Words((16, 64, 32, 128)),
        "widths": Words(((64,), (64, 64), None)),
        "depth": Interval(1, 6, integer=True),
        "batch": Interval(16, 512, log=True, integer=True),
        "fixed": Words(("one",)),
        "nesterov": Words((False, True)),
    },
    {"momentum": Condition("optimizer", ("sgd",)), "nesterov": Condition("optimizer", ("sgd",))},
)
FEW = Space(
    {path: SPACE[path] for path in ("momentum", "optimizer", "rate", "depth", "batch")},
    {"momentum": Condition("optimizer", ("sgd",))},
)
PLAIN = Space({"rate": Interval(1e-4, 1.0, log=True), "drop": Interval(0.0, 0.6)})
SMALL = Space({"a": Words((1, 2, 3)), "b": Interval(0, 1, integer=True)})
BY_HAND = [SPACE.at([share / 40] * len(SPACE)) for share in range(40)]
NAMES = catalogue.names("sampler")
LEARN = ("tpe", "gp", "bayes")
"""bayes is gp where it is made for few trials, which takes a Gaussian process' time."""
LONG, SHORT = (8, 4, 4, 4, 4), (6, 2)


def sampler(name: str, space: Space | None = None, trials: int = 24, seed: int = 0, **options: Any) -> Any:
    """A sampler for a space with all kinds of axes and conditions, which a Gaussian process has fewer of."""
    space = (FEW if name == "gp" else SPACE) if space is None else space
    module = catalogue.entry("sampler", name)
    if name == "listed":
        options = {"settings": BY_HAND} | options
    if name in LEARN:
        options = {"startup": 5} | options
    return module.build(module.Options(**options), space, seed, trials)


def loss(values: Setting) -> float:
    """Least at a rate of .01 and sgd; large rates are lost."""
    value = abs(math.log10(values["rate"]) + 2) + values.get("drop", 0.0) + values.get("momentum", 1.0)
    return value if values["rate"] < 0.5 else math.nan


def course(name: str, batches: Sequence[int] = (), **options: Any) -> list[Setting]:
    """Ask, tell, and so on."""
    return follow(sampler(name, **options), batches or (SHORT if name == "gp" else LONG))


def follow(own: Any, batches: Sequence[int]) -> list[Setting]:
    found = []
    for count in batches:
        new = own.ask(count)
        found += new
        for values in new:
            own.tell(values, loss(values), 3)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_and_what_was_told_fix_the_course(name: str) -> None:
    first = course(name)
    assert course(name) == first and len(first) == (8 if name == "gp" else 24)
    other = sampler(name, seed=1).ask(4)
    assert (other == first[:4]) == (name in ("grid", "listed"))


@pytest.mark.parametrize("name", NAMES)
def test_settings_lie_in_the_space_and_its_conditions_hold(name: str) -> None:
    ours = Distributions(FEW if name == "gp" else SPACE)
    found = course(name)
    assert all(ours.coded(values) is not None for values in found)
    assert len({values["optimizer"] for values in found}) == 2 or name == "grid"
    assert all(("momentum" in values) == (values["optimizer"] == "sgd") for values in found)
    assert all(type(values["depth"]) is int and type(values["batch"]) is int for values in found)


@pytest.mark.parametrize("name", NAMES)
def test_it_ends_after_its_trials(name: str) -> None:
    own = sampler(name, trials=7)
    assert len(follow(own, [3, 3])) == 6
    assert len(own.ask(3)) == 1 and own.ask(3) == [] == own.ask(1)


@pytest.mark.parametrize("name", NAMES)
def test_how_many_are_asked_for_at_a_time_makes_no_difference(name: str) -> None:
    whole, parts = sampler(name), sampler(name)
    assert follow(whole, [6]) == follow(parts, [6])
    assert whole.ask(3) == [*parts.ask(1), *parts.ask(2)]


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_search_goes_on_as_it_would_have(name: str) -> None:
    """What was asked is asked again, in other portions; what was known of a trial may be told in any rung's words."""
    whole, resumed = sampler(name), sampler(name)
    found = follow(whole, [6])
    more = whole.ask(2)
    assert resumed.ask(4) + resumed.ask(2) == found
    for values in found:
        resumed.tell(values, 9.0, 1)  # an earlier rung, which the later one makes up for
    for values in found:
        resumed.tell(values, loss(values), 3)
    assert resumed.ask(1) + resumed.ask(1) == more
    for own in (whole, resumed):
        for values in more:
            own.tell(values, loss(values))
    assert whole.ask(1) == resumed.ask(1)


@pytest.mark.parametrize("name", ("tpe", "gp", "random", "quasi_random", "grid"))
def test_no_setting_comes_twice_and_a_small_space_is_spent(name: str) -> None:
    own = sampler(name, SMALL, trials=50, **({"startup": 2} if name in LEARN else {}))
    found = []
    while new := own.ask(2):
        found += new
        for values in new:
            own.tell(values, float(values["a"]))
    assert sorted((values["a"], values["b"]) for values in found) == [
        (a, b) for a in (1, 2, 3) for b in (0, 1)
    ]


@pytest.mark.parametrize("name", ("tpe", "random", "quasi_random", "grid"))
def test_a_space_of_whole_numbers_has_an_end(name: str) -> None:
    """Conditions make most of its combinations one setting; the last numbers of a logarithmic range are rare."""
    space = Space(
        {"kind": Words(("a", "b")), "n": Interval(1, 40, log=True, integer=True), "x": Interval(0.5, 0.5)},
        {"n": Condition("kind", ("b",))},
    )
    options = {"startup": 10**6} if name == "tpe" else {"steps": 40} if name == "grid" else {}
    own, parts = (sampler(name, space, 1000, **options) for _ in range(2))
    found = own.ask(1000)
    assert len({key_of(values) for values in found}) == len(found) == 41
    assert found == [*parts.ask(13), *parts.ask(1), *parts.ask(100)]


def test_a_grid_keeps_to_its_range() -> None:
    """The ends have digits that a rounded number has not."""
    for axis in (Interval(1 / 3, 2 / 3), Interval(1e-4 / 3, 1 / 3, log=True), Interval(0.1, 0.1)):
        values = sampler("grid", Space({"x": axis}), steps=7).ask(99)
        places = [own["x"] for own in values]
        assert places == sorted(set(places)) and (places[0], places[-1]) == (axis.low, axis.high)


@pytest.mark.parametrize("name", ("tpe", "gp"))
def test_it_learns_from_what_others_tried(name: str) -> None:
    """As a search does that begins where another ended; settings of another space are passed over."""
    own = sampler(name, PLAIN, trials=20, startup=5)
    for values in course("quasi_random", [20], space=PLAIN, trials=20):
        own.tell(values, loss(values))
    own.tell({"rate": 7.0, "drop": 0.0}, -100.0)
    own.tell({"rate": 0.9}, -100.0)
    found = follow(own, [2, 2])
    assert min(map(loss, found)) < 1.3
    assert sum(3e-4 < values["rate"] < 0.3 for values in found) >= 3


@pytest.mark.parametrize("name", LEARN)
def test_as_long_as_all_fail_the_points_stay_spread(name: str) -> None:
    own = sampler(name, PLAIN, trials=16, startup=5)
    found = []
    while new := own.ask(4):
        found += new
        for values in new:
            own.tell(values, math.nan)
    assert found == course("quasi_random", [16], space=PLAIN, trials=16)


@pytest.mark.parametrize(("name", "trials"), [("tpe", 40), ("gp", 20)])
def test_better_than_chance(name: str, trials: int) -> None:
    """In the mean over seeds of the best loss."""

    def best(kind: str, **options: Any) -> float:
        found = [
            course(kind, [8] + [4] * (trials // 4 - 2), space=PLAIN, trials=trials, seed=seed, **options)
            for seed in range(3)
        ]
        return sum(min(x - 1 for x in map(loss, own) if x == x) for own in found)

    assert best(name, startup=8) < 0.7 * best("random")


def test_many_pending_trials_stay_cheap_and_repeatable() -> None:
    whole, parts = (sampler("tpe", PLAIN, trials=300, startup=5) for _ in range(2))
    assert follow(whole, [10]) == follow(parts, [10])
    assert whole.ask(200) == [*parts.ask(70), *parts.ask(1), *parts.ask(129)]


def test_bayes_is_a_gaussian_process_for_few_trials_of_a_plain_space() -> None:
    default = bayes.Options()
    assert [bayes.chosen(default, PLAIN, trials) for trials in (50, 51)] == ["gp", "tpe"]
    assert bayes.chosen(default, SPACE, 20) == "tpe"
    for kind, trials in (("gp", 7), ("tpe", 51)):
        options = {"batches": [6, 1], "space": PLAIN, "trials": trials}
        assert course("bayes", **options) == course(kind, **options)


def test_a_list_is_checked_all_mistakes_at_once() -> None:
    good = {"rate": 0.1, "drop": 0.0}
    settings = [
        good, {"rtae": 0.1, "rate": 0.1, "drop": 0}, {"rate": 7.0, "drop": 0.1}, {"rate": 0.1}, dict(good)
    ]  # fmt: skip
    with pytest.raises(InputError) as caught:
        sampler("listed", PLAIN, settings=settings)
    for said in (
        "setting 2: rtae is not in the space, did you mean rate?",
        "setting 3: rate must be from 0.0001 to 1, but got 7.0",
        "setting 4: drop is missing",
        "setting 5 is setting 1 again",
    ):
        assert said in caught.value.message
    assert caught.value.code == "bad_setting"
    with pytest.raises(InputError, match="momentum is there only while optimizer is one of"):
        sampler("listed", settings=[SPACE.at([0.3] * 9) | {"momentum": 0.6}])
    with pytest.raises(ValueError, match="at least one setting"):
        listed.Options(settings=[])


def test_a_list_without_a_space_is_its_own() -> None:
    settings = [{"rate": 3.0}, {"other": (1, 2)}]
    assert sampler("listed", Space({}), settings=settings).ask(9) == settings
    assert list(listed.space_of(settings)) == ["rate", "other"]


def test_values_and_codes() -> None:
    ours = Distributions(SPACE)
    for values in BY_HAND:
        codes = ours.coded(values)
        assert codes is not None and key_of(ours.values(codes)) == key_of(values)
    assert ours.by_path["width"].high == 3 and ours.value("width", 1) == 32
    assert ours.value("widths", 1) == (64, 64) and ours.holds("widths", [64, 64])
    refused: list[tuple[str, Any]] = [
        ("rate", 2.0), ("rate", "x"), ("rate", True), ("depth", 2.5), ("width", 48), ("nesterov", 0)
    ]  # fmt: skip
    assert not any(ours.holds(path, value) for path, value in refused)
