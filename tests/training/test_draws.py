"""Dropout masks and the order of rows: right shares, and a member's own in any stack."""

import numpy as np
import pytest
import torch

from retemper.core import seeds
from retemper.models.layers.dense import Head
from retemper.models.layers.inputs import Inputs, InputShape
from retemper.models.layers.network import Network
from retemper.training.draws import BatchOrders, EpochDraws, class_odds
from retemper.training.stack import Member, Stack

NETWORK = Network(Inputs(InputShape(3, 3)), (), Head("head", 3, 2))


def masks(shares: list[float], ids: list[int] | None = None, epoch: int = 0) -> EpochDraws:
    members = [Member(id_, 1e-3, dropout=p) for id_, p in zip(ids or range(len(shares)), shares, strict=True)]
    return EpochDraws(Stack(NETWORK, members), 9, epoch, torch.float32)


def test_shares_and_scale() -> None:
    shares = [0.0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.999]
    mask = masks(shares).keep_mask(256, 1024)
    assert mask is not None and mask.shape == (len(shares), 1024, 256)
    dropped = (mask == 0).double().mean((1, 2)).numpy()
    held = np.minimum(255, np.round(256 * np.array(shares))) / 256
    assert np.abs(held - shares)[:-1].max() <= 1 / 512
    np.testing.assert_allclose(dropped, held, atol=5 * 0.5 / np.sqrt(1024 * 256))
    for own, p in zip(mask, held, strict=True):
        assert own.unique().tolist() == pytest.approx(sorted({*([0.0] if p else []), 1 / (1 - p)}))
    assert mask[0].eq(1).all()


@pytest.mark.parametrize("layers", [[(16, 32)], [(64, 128), (16, 128)], [(512, 256), (16, 8)]])
def test_bytes_come_in_the_order_of_the_members_generator(layers: list[tuple[int, int]]) -> None:
    drawing, bits = masks([0.5], [3]), seeds.bits(9, "dropout", 3, 0)
    for _ in range(9):
        for width, batch in layers:
            stays = bits.random_raw(batch * width // 8).view(np.uint8) >= 128
            mask = drawing.keep_mask(width, batch)
            assert mask is not None and np.array_equal(mask[0].numpy() == 2.0, stays.reshape(batch, width))


def test_nobody_drops() -> None:
    assert masks([0.0, 0.0]).keep_mask(16, 32) is None


def test_a_member_draws_the_same_in_any_stack_and_new_numbers_each_time() -> None:
    stack, alone = masks([0.2, 0.5, 0.3], [4, 1, 9]), masks([0.5], [1])
    first, second = (stack.keep_mask(16, 32) for _ in range(2))
    assert torch.equal(first[1], alone.keep_mask(16, 32)[0])
    assert torch.equal(second[1], alone.keep_mask(16, 32)[0])
    assert not torch.equal(first[1], second[1])
    assert not torch.equal(first[1], masks([0.5], [1], epoch=1).keep_mask(16, 32)[0])
    assert not torch.equal(first[1], masks([0.5], [2]).keep_mask(16, 32)[0])


MEMBERS = [Member(2, 1e-3), Member(0, 1e-3)]


@pytest.mark.parametrize(("count", "batch"), [(1, 7), (7, 7), (8, 7), (100, 32), (100, 100), (65, 64)])
def test_an_epoch_meets_every_row_once_in_equal_batches(count: int, batch: int) -> None:
    order, inside = BatchOrders(MEMBERS, [np.arange(count)] * 2, batch, (0, 0), [count] * 2)[:]
    steps = -(-count // batch)
    assert order.shape[:2] == (steps, 2) and order.shape[2] % 32 == 0
    sizes = inside.sum(2)
    assert int(sizes.max()) <= batch and int(sizes.max() - sizes.min()) <= 1
    for slot in range(2):
        met = order[:, slot][inside[:, slot]]
        assert met.sort().values.tolist() == list(range(count))
    if count > 1:
        assert not torch.equal(order[:, 0], order[:, 1])
        assert not torch.equal(
            order, BatchOrders(MEMBERS, [np.arange(count)] * 2, batch, (0, 1), [count] * 2)[:][0]
        )


def test_some_batches_are_those_of_the_whole_epoch() -> None:
    orders = BatchOrders(MEMBERS, [np.arange(100)] * 2, 7, (0, 0), [100] * 2)
    order, inside = orders[:]
    assert len(orders) == len(order) == 15 and orders.batch_rows == order.shape[2]
    for first in range(0, 15, 4):
        some, own = orders[first : first + 4]
        assert torch.equal(some, order[first : first + 4]) and torch.equal(own, inside[first : first + 4])


def test_members_may_meet_different_numbers_of_rows_in_as_many_steps() -> None:
    rows = [np.arange(97), np.arange(100)]
    order, inside = BatchOrders(MEMBERS, rows, 20, (0, 0), [97, 100])[:]
    assert inside.sum((0, 2)).tolist() == [97, 100]
    alone, own = BatchOrders(MEMBERS[:1], rows[:1], 20, (0, 0), [97])[:]
    assert torch.equal(order[:, 0][inside[:, 0]], alone[:, 0][own[:, 0]])
    with pytest.raises(ValueError, match="too many values"):
        BatchOrders(MEMBERS, rows, 10, (0, 0), [89, 100])


def test_the_order_is_the_members_own() -> None:
    rows = np.arange(50)
    together, _ = BatchOrders(MEMBERS, [rows] * 2, 20, (3, 4), [len(rows)] * 2)[:]
    alone, _ = BatchOrders(MEMBERS[1:], [rows], 20, (3, 4), [len(rows)])[:]
    assert torch.equal(together[:, 1:], alone)


def test_of_unequal_lists_each_member_meets_as_many_rows_as_the_shortest_has() -> None:
    rows = [np.arange(10, 40), np.arange(0, 22)]
    order, inside = BatchOrders(MEMBERS, rows, 8, (0, 0), [22] * 2)[:]
    assert inside.sum((0, 2)).tolist() == [22, 22]
    for slot, own in enumerate(rows):
        met = order[:, slot][inside[:, slot]].tolist()
        assert len(set(met)) == 22 and set(met) <= set(own.tolist())


def test_by_odds_rare_rows_are_met_more_often_and_a_member_draws_the_same_in_any_stack() -> None:
    codes = np.repeat([0, 1], [900, 100])
    odds = [class_odds(codes)] * 2
    order, inside = BatchOrders(MEMBERS, [np.arange(1000)] * 2, 64, (3, 4), [1000] * 2, odds)[:]
    for slot in range(2):
        met = np.bincount(order[:, slot][inside[:, slot]].numpy(), minlength=1000)
        # Of 1,000 draws a class gets √900 : √100 = 3 : 1; its rows share them evenly, to within one.
        assert met.sum() == 1000 and met[900:].sum() == pytest.approx(250, abs=5)
        assert set(met[900:]) <= {2, 3} and set(met[:900]) <= {0, 1}
    alone, _ = BatchOrders(MEMBERS[1:], [np.arange(1000)], 64, (3, 4), [1000], odds[1:])[:]
    assert torch.equal(alone[:, 0], order[:, 1]) and not torch.equal(order[:, 0], order[:, 1])
    later, _ = BatchOrders(MEMBERS, [np.arange(1000)] * 2, 64, (3, 5), [1000] * 2, odds)[:]
    left_out = [set(range(900)) - set(own[:, 0][inside[:, 0]].tolist()) for own in (order, later)]
    assert left_out[0] != left_out[1]
