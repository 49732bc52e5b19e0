"""The gate's verdict in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retemper.core.gate_records import GateTest


def reason_of(tests: Sequence[GateTest], untested: Mapping[str, str], promoted: bool) -> str:
    """Why the challenger was promoted, or what stands against it, and what the rows could not show.

    Args:
        tests: made.
        untested: name → why not.
        promoted: the verdict.

    >>> test = GateTest("better_on_new", "rmse", "gain", 0.1, -0.1, 0.3, False, 0.0, 50, 0.2, 0.28)
    >>> reason_of([test], {}, False)
    'No gain is proved: rmse on 50 new rows is better by 0.1 [-0.1, 0.3], where 0.28 would mostly be seen.'
    """
    by_name = {test.name: test for test in tests}
    first = by_name.get("better_on_new")
    if first is None:
        return f"No gain can be proved on the new rows: {untested['better_on_new']}."
    if promoted:
        lost = " and ".join(test.name for test in tests if not test.passed)
        excused = f"; {lost} failed, which confirmed concept drift excuses" if lost else ""
        return f"A gain is proved: {_told(first)}, and nothing stands against it{excused}{_unseen(by_name, untested)}."
    failed = [test for test in tests if test.blocks and not test.passed and test is not first]
    against = "; ".join(_failure(test) for test in failed)
    if first.passed:
        return f"A gain is proved ({_told(first)}), but it costs too much elsewhere: {against}."
    missing = f"No gain is proved: {_told(first)}, where {first.could_see:.2g} would mostly be seen"
    also = [test for test in tests if test.name == "accuracy_on_new" and test.low > 0]
    gained = f"; accuracy gains {_change(also[0])}, but log_loss decides" if also else ""
    return f"{missing}{gained}{'; ' + against if against else ''}."


def _told(test: GateTest) -> str:
    way = "better" if test.difference >= 0 else "worse"
    rows = f"{test.rows - test.old_rows} new rows"
    if test.old_rows:
        rows += f" and {test.old_rows} old ones of the same world"
    return f"{test.metric} on {rows} is {way} by {_change(test)}"


def _change(test: GateTest) -> str:
    """Size and interval; of a loss both are turned round, so that they read as a loss."""
    sign = 1 if test.difference >= 0 else -1
    low, high = sorted((sign * test.low, sign * test.high))
    return f"{sign * test.difference:.3g} [{low:.3g}, {high:.3g}]"


def _failure(test: GateTest) -> str:
    if test.rule == "limit":
        return f"{test.name} is {1 - test.difference:.3g} times the champion's, above {test.limit:.3g}"
    if test.rule == "gain":
        return (
            f"{test.name}: on the {test.rows} new rows by themselves it is not likely either ({_told(test)})"
        )
    if test.rule == "not_worse":
        told = f"a loss of {test.limit:.3g} {test.metric} is not ruled out"
        return f"{test.name}: {told} (gain {test.difference:.3g} [{test.low:.3g}, {test.high:.3g}])"
    return f"{test.name}: {test.metric} is worse by {_change(test)}"


def _unseen(by_name: Mapping[str, GateTest], untested: Mapping[str, str]) -> str:
    """What was not, or not well, looked at on old rows."""
    name = "accuracy_on_old" if "accuracy_on_old" in by_name else "not_worse_on_old"
    if name in untested:
        return f"; {untested[name]}, so that forgetting was not looked at"
    test = by_name[name]
    if test.rule == "not_worse":
        return ""
    return f"; {test.rows} old rows would mostly show a loss of {test.could_see:.2g} {test.metric}, no smaller one"
