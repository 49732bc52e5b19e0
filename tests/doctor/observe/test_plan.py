"""Looks come by steps and epochs, and of a large network as often as it pays for."""

from itertools import pairwise

from retemper.doctor.observe.plan import EARLY_LOOKS, EVERY_STEPS, SHARE, Plan


def looks(plan: Plan, steps: int, price: float, epoch: int = 0) -> list[int]:
    """The steps that are looked at; an epoch ends after every so many."""
    found: list[int] = []
    for step in range(1, steps + 1):
        if step >= plan.due:
            plan.begun()
            found.append(step)
            plan.looked(step, price * len(found), price)
        if epoch and step % epoch == 0:
            plan.epoch_over()
    return found


def test_a_small_network_is_looked_at_once_an_epoch_in_the_end() -> None:
    found = looks(Plan(large=False), 5000, 3.0, epoch=200)
    early = found[:EARLY_LOOKS]
    assert early == [1, 2, *range(EVERY_STEPS, (EARLY_LOOKS - 1) * EVERY_STEPS, EVERY_STEPS)]
    assert [step for step in found if step > 1000] == list(range(1001, 5000, 200))


def test_looks_at_a_large_one_keep_to_their_share_and_never_stop() -> None:
    found = looks(Plan(large=True), 100_000, 2.0, epoch=50)
    assert all(2.0 * number <= SHARE * step or number <= 6 for number, step in enumerate(found, 1))
    assert found[:4] == [1, 10, 30, 90] and len(found) > 100
    dear = looks(Plan(large=True), 100_000, 1e6, epoch=50)
    assert dear[:3] == [1, 10, 30] and all(b <= 3 * a + 10 for a, b in pairwise(dear))
