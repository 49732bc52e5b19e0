"""Parts of a repair: one score for all heads, splits, the loop against PyTorch's own, ways to train."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from retemper.core.recipe import Recipe, build
from retemper.core.records import Finding
from retemper.doctor.surgery.patient import Patient
from retemper.procedure.repair_by_the_book import by_the_book
from retemper.procedure.repair_fit import seeded, train
from retemper.procedure.repair_plan import proposals
from retemper.procedure.repair_regimen import RATE, Regimen, ways
from retemper.procedure.repair_rows import Rows, split
from retemper.procedure.repair_score import WORST, score_of

PLAIN = {
    "model": "linear",
    "training.schedule": "constant",
    "training.patience_epochs": 0,
    "training.optimizer": {"name": "sgd", "learning_rate": 0.1},
    "training.batch_size": 20,
    "training.epochs": 5,
}


def rows(count: int = 100) -> Rows:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(count, 3, generator=draw)
    return Rows(x, (x @ torch.tensor([[1.0], [-2.0], [0.5]])))


def patient(network: nn.Module, own: Rows) -> Patient:
    return Patient(network, nn.MSELoss(), own.x, own.y, "regression", 20)


def linear() -> nn.Linear:
    with seeded(0, "test", 0):
        return nn.Linear(3, 1)


def test_splits_are_disjoint_differ_by_member_and_come_again() -> None:
    own = Rows(torch.arange(100.0)[:, None], torch.arange(100.0))
    train_rows, held_out = split(own, 0, 1)
    assert sorted([*train_rows.y.tolist(), *held_out.y.tolist()]) == list(range(100)) and len(held_out) == 25
    assert not torch.equal(split(own, 0, 2)[1].y, held_out.y) and torch.equal(
        split(own, 0, 1)[1].y, held_out.y
    )
    few = own.take(torch.arange(59))
    assert split(few, 0, 0) == (few, few)


def test_each_class_has_its_share_of_the_held_out_rows() -> None:
    y = (torch.arange(200) < 20).long()
    for target in (y, y[:, None].float(), torch.eye(2)[y]):
        for part, rare in zip(split(Rows(torch.zeros(200, 1), target), 0, 3), (15, 5), strict=True):
            assert int(part.y.reshape(len(part), -1)[:, -1].sum()) == rare


def test_the_same_answer_scores_the_same_whatever_the_head() -> None:
    y = torch.tensor([0, 1, 2, 1])
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    scores = [
        score_of(logits, y, "classification", "logits"),
        score_of(logits.softmax(1), y, "classification", "probabilities"),
        score_of(logits.log_softmax(1), y, "classification", "log_probabilities"),
        score_of(3 * logits.softmax(1) / 3, torch.eye(3)[y], "classification", "unknown"),
    ]
    assert all(
        own.skill == pytest.approx(scores[0].skill, abs=1e-5) and own.right == scores[0].right
        for own in scores
    )
    one = score_of(torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1, 0, 0]), "classification", "logits")
    assert one.right == pytest.approx(2 / 3)


def test_a_constant_scores_nothing_and_what_is_no_answer_worst() -> None:
    y = torch.tensor([[1.0], [2.0], [6.0]])
    assert score_of(torch.full((3, 1), 3.0), y, "regression", "values").skill == pytest.approx(0)
    assert score_of(y, y, "regression", "values").skill == 1
    for outputs in (None, torch.full((3, 1), math.nan), torch.zeros(2, 1)):
        assert score_of(outputs, y, "regression", "values").skill == WORST
    assert (
        score_of(torch.rand(3, 2), torch.tensor([0, 1, 2]), "classification", "probabilities").skill == WORST
    )
    several = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    assert (
        score_of(torch.tensor([[0.9, 0.6], [0.9, 0.9]]), several, "multilabel", "probabilities").right == 0.5
    )


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("sgd", lambda p: torch.optim.SGD(p, 0.05)),
        ("momentum", lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
        ("nesterov", lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True)),
        ("rmsprop", lambda p: torch.optim.RMSprop(p, 0.05)),
        ("adam", lambda p: torch.optim.Adam(p, 0.05)),
        (
            "adamw",
            lambda p: torch.optim.AdamW(
                [{"params": p[:1]}, {"params": p[1:], "weight_decay": 0.0}],
                0.05,
                (0.9, 0.99),
                weight_decay=0.1,
            ),
        ),
    ],
)
def test_the_loop_is_the_one_a_person_would_write(name: str, make) -> None:  # type: ignore[no-untyped-def]
    own, theirs, data = linear(), linear(), rows()
    decay = {"weight_decay": 0.1} if name == "adamw" else {"weight_decay": 0.0}
    recipe = build(PLAIN, {"training.optimizer": {"name": name, "learning_rate": 0.05, **decay}})
    with seeded(0, "steps", 0):
        trained = train(patient(own, data), recipe.training, 5, (data, data))
    optimizer = make(list(theirs.parameters()))
    with seeded(0, "steps", 0):
        for _ in range(5):
            for part in torch.split(torch.randperm(100), 20):
                loss = nn.functional.mse_loss(theirs(data.x[part]), data.y[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    assert torch.allclose(own.weight, theirs.weight, atol=1e-6) and torch.allclose(
        own.bias, theirs.bias, atol=1e-6
    )
    assert trained.skill_at(1.0) == trained.score.skill == trained.curve[-1][1] and len(trained.curve) == 5


def test_penalty_clip_and_schedule_reach_the_weights() -> None:
    data = rows()
    ends = {}
    for name, changes in {
        "plain": {},
        "l2": {"training.l2": 5.0},
        "l1": {"training.l1": 5.0},
        "clip": {"training.clip_norm": 1e-6},
        "decay": {"training.schedule": {"name": "exponential", "gamma": 1e-6}},
    }.items():
        network = linear()
        with seeded(0, "steps", 0):
            train(patient(network, data), build(PLAIN, changes).training, 5, (data, data))
        ends[name] = network.weight.detach().norm()
    assert ends["l2"] < 0.6 * ends["plain"] and ends["l1"] < 0.6 * ends["plain"]
    assert torch.allclose(ends["clip"], linear().weight.norm(), atol=1e-4)
    assert ends["decay"] != ends["plain"]


def test_patience_ends_a_run_and_gives_back_the_best() -> None:
    data, network = rows(), linear()
    wild = build(
        PLAIN, {"training.optimizer": {"name": "sgd", "learning_rate": 5.0}, "training.patience_epochs": 2}
    )
    with seeded(0, "steps", 0):
        trained = train(patient(network, data), wild.training, 50, (data, data))
    assert len(trained.curve) == 3 and trained.score.skill == pytest.approx(
        max(skill for _, skill in trained.curve)
    )


def test_a_batch_of_one_row_is_left_out_where_others_have_more() -> None:
    data = rows(41)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    trained = train(patient(network, data), build(PLAIN).training, 2, (data, data))
    assert math.isfinite(trained.score.skill)


def alarm(code: str, *remedies: str, severity: str = "error") -> Finding:
    return Finding(code, severity, 0.9, "A finding.", {}, remedies)  # type: ignore[arg-type]


def test_ways_are_operations_first_and_rates_by_several_factors() -> None:
    base, own = (
        Regimen(build(PLAIN)),
        patient(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)), rows()),
    )
    (wider,) = ways(base, "more_capacity", alarm("low_capacity"), own)
    assert wider.remedies == ("more_capacity",) and wider.recipe == base.recipe
    assert sum(p.numel() for p in wider.on(own).network.parameters()) == 3 * 16 + 16 + 16 + 1
    rates = [way.recipe.get(RATE) for way in ways(base, "lower_learning_rate", alarm("diverging"), own)]
    assert rates == pytest.approx([0.01, 0.1 / 3], rel=1e-3)
    assert ways(base, "check_labels", alarm("label_errors"), own) == []
    dropout, decay = ways(base, "regularise_more", alarm("overfitting"), own)
    assert [name for name, _ in dropout.mends] == ["regularise_more"] and not decay.mends
    assert decay.recipe.get("training.optimizer.weight_decay") == 0.01


def test_operations_are_done_from_the_end_to_the_inside() -> None:
    base = Regimen(Recipe())
    for name in ("scale_targets", "scale_inputs", "right_head", "more_capacity"):
        base = base.with_operation(name, alarm("any"))
    assert [name for name, _ in base.mends] == [
        "right_head",
        "more_capacity",
        "scale_inputs",
        "scale_targets",
    ]


def test_all_at_once_comes_with_each_by_itself_and_never_both_ways() -> None:
    y = 100 + 10 * rows().y
    own = Patient(nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()), nn.MSELoss(), rows().x, y, "regression", 20)
    findings = [
        alarm("output_range_mismatch", "right_head"),
        alarm("unscaled_targets", "scale_targets"),
        alarm("learning_rate_too_low", "raise_learning_rate"),
        alarm("diverging", "lower_learning_rate", severity="warning"),
        alarm("overfitting", "regularise_more", severity="advice"),
    ]
    made = proposals(Regimen(build(PLAIN)), findings, own, poor=False)
    assert made[0].remedies == ("right_head", "scale_targets", "raise_learning_rate")
    assert ("right_head",) in [each.remedies for each in made] and len({each.key for each in made}) == len(
        made
    )
    poor = proposals(Regimen(build(PLAIN)), findings, own, poor=True)
    assert any("another_optimizer" in each.remedies for each in poor[:3])


def test_a_loss_that_is_turned_round_is_replaced_though_nothing_was_found() -> None:
    def ascent(outputs: Tensor, y: Tensor) -> Tensor:
        return -((outputs - y) ** 2).mean()

    own = Patient(nn.Linear(3, 1), ascent, rows().x, rows().y, "regression", 20)
    made = proposals(Regimen(build(PLAIN)), [], own, poor=True)
    assert all(each.remedies[0] == "right_head" for each in made)
    assert proposals(Regimen(build(PLAIN)), [], own, poor=False) == []


def test_where_steps_are_scarce_a_wider_network_comes_first_if_it_hardly_costs_more() -> None:
    own = patient(nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1)), rows())
    base = Regimen(build(PLAIN))
    for dear, doublings, place in ((0.01, 2, 0), (0.2, 1, 0), (0.5, 1, 1)):
        book = by_the_book(
            base, own, 1, lambda way, dear=dear: 1 + dear * way.remedies.count("more_capacity")
        )
        assert book[place].remedies.count("more_capacity") == doublings
        assert all("more_capacity" not in each.remedies for each in book[:place])
    assert "more_capacity" not in by_the_book(base, own, 1)[0].remedies
    assert by_the_book(base, own, 1)[1].remedies.count("more_capacity") == 1


def test_units_that_died_get_another_activation_whatever_is_likelier() -> None:
    own = patient(nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1)), rows())
    likely, dead = (
        alarm("learning_rate_too_high", "lower_learning_rate"),
        alarm("dead_units", "another_activation"),
    )
    unlikely = [replace(each, confidence=0.15) for each in (dead, alarm("plateau", "more_capacity"))]
    (first, *_) = proposals(Regimen(build(PLAIN)), [likely, *unlikely], own, poor=False)
    assert first.remedies == ("lower_learning_rate", "another_activation")
    told = [replace(each, severity="advice") for each in unlikely]
    assert proposals(Regimen(build(PLAIN)), [likely, *told], own, poor=False)[0].remedies == (
        "lower_learning_rate",
    )
