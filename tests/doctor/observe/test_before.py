"""The look before training takes any module, and what it can't look at becomes a reason."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from retemper.core.errors import InputError
from retemper.core.records import NotApplicable
from retemper.doctor.observe.before import look
from retemper.doctor.observe.rows import some_rows

X = torch.rand(80, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0.5).long()


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, a, b):
        return {"hidden": a, "logits": self.left(a) + self.right(b).relu()}


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.body = nn.Embedding(50, 8), nn.LSTM(8, 8, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, ids):
        return self.head(self.body(self.embedding(ids))[0][:, -1])


class Demanding(nn.Module):
    """One that can only be called while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 2)

    def forward(self, x):
        if not self.training:
            raise RuntimeError("only for training")
        return self.body(x)


class Fickle(nn.Module):
    """One that keeps what it saw, and can't be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 2)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen += len(x)
        return self.body(x)

    def __deepcopy__(self, memo):
        raise TypeError("no copies")


def tied() -> nn.Module:
    own = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    own[2].weight = own[0].weight
    return own


def frozen() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2)).requires_grad_(False)


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


def scripted() -> nn.Module:
    with pytest.warns(DeprecationWarning):
        return torch.jit.script(nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)))


def transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)
    return nn.Sequential(nn.TransformerEncoder(layer, 1), nn.Flatten(), nn.Linear(18, 2))


MODULES = {
    "tuple": (Two(), (X, X), Y),
    "mapping": (Two(), {"b": X, "a": X}, Y),
    "words": (Words(), torch.randint(0, 50, (80, 9)), Y),
    "images": (convolutions(), torch.rand(80, 1, 8, 8), Y),
    "transformer": (transformer(), torch.rand(80, 3, 6), Y),
    "scripted": (scripted(), X, Y),
    "wrapped": (nn.DataParallel(nn.Linear(6, 2)), X, Y),
    "shared weights": (tied(), X, Y),
    "double": (nn.Linear(6, 2).double(), X, Y),
}


def logits(outputs, target):
    return nn.functional.cross_entropy(outputs["logits"] if isinstance(outputs, dict) else outputs, target)


@pytest.mark.parametrize("name", MODULES)
def test_any_module(name: str) -> None:
    module, x, y = MODULES[name]
    case = look(module, [torch.optim.Adam(module.parameters())], logits, some_rows((x, y), 80))
    assert case.reasons == {}
    assert case.network is not None and case.network.shape[0] == 80 and case.network.parameters > 0
    assert case.loss is not None and case.loss.wants == "logits"
    assert case.sample is not None and case.sample.last < case.sample.first
    assert case.task == "classification" and not case.network.mixes


def test_compiled_modules_are_looked_at_inside() -> None:
    inside = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))

    class OptimizedModule(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self._orig_mod = inside

        def forward(self, x):
            raise AssertionError("nothing is compiled to be looked at")

    case = look(OptimizedModule(), [torch.optim.Adam(inside.parameters())], logits, (X, Y))
    assert case.network is not None and [each.name for each in case.network.operations] == [
        "linear",
        "relu",
        "linear",
    ]


REASONS = {
    "lazy": (nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2)), logits, "network", "sizes at the first batch"),
    "training mode": (Demanding(), logits, "network", "only for training"),
    "meta": (nn.Linear(6, 2, device="meta"), logits, "network", "meta device"),
    "other inputs": (nn.Linear(5, 2), logits, "network", "RuntimeError"),
    "frozen": (frozen(), logits, "sample", "no parameter"),
    "no copies": (Fickle(), logits, "sample", "can't be copied"),
    "another loss": (nn.Linear(6, 2), lambda o, y, weights: 0, "loss", "TypeError"),
    "too large": (
        nn.Sequential(*(nn.ReLU() for _ in range(900)), nn.Linear(6, 2)),
        logits,
        "sample",
        "too large",
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_what_goes_wrong_is_a_reason(name: str) -> None:
    module, loss, part, why = REASONS[name]
    case = look(module, [torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1)], loss, (X, Y))
    assert why in case.reasons[part]
    assert case.data is not None and case.sample is None


def test_a_scripted_network_s_calls_are_not_seen() -> None:
    module = scripted()
    network = look(module, [torch.optim.SGD(module.parameters(), 0.1)], logits, (X, Y)).network
    assert network is not None and network.operations == () and network.bend > 1e-3


def test_one_that_can_not_be_copied_is_left_as_it_was() -> None:
    module = Fickle()
    look(module, [torch.optim.SGD(module.parameters(), 0.1)], logits, (X, Y))
    assert float(module.seen) == 0 and module.training


def test_rows_that_are_mixed_and_shares_that_are_written_out() -> None:
    class Mixing(nn.Linear):
        def forward(self, x):
            return super().forward(x - x.mean(0)).exp() / super().forward(x - x.mean(0)).exp().sum(
                1, keepdim=True
            )

    module = Mixing(6, 3)
    network = look(module, [torch.optim.SGD(module.parameters(), 0.1)], logits, (X, Y)).network
    assert network is not None and network.mixes and network.sums_to_one


def test_a_person_s_hooks_see_their_training_alone() -> None:
    module, calls = nn.Linear(6, 2), []
    module.register_forward_hook(lambda *seen: calls.append(1))
    look(module, [torch.optim.SGD(module.parameters(), 0.1)], logits, (X, Y))
    assert calls == []


def test_rows_of_any_form() -> None:
    loader = DataLoader(TensorDataset(X, Y), 16, shuffle=True, generator=torch.Generator().manual_seed(3))
    state = loader.generator.get_state()
    rows = some_rows(loader, 40)
    assert rows is not None and len(rows[1]) == 40
    assert torch.equal(loader.generator.get_state(), state)
    batches = [{"ids": X[:9], "labels": Y[:9]}, {"ids": X[9:], "labels": Y[9:]}]
    ids, labels = some_rows(batches, 100) or ({}, Y)
    assert ids["ids"].shape == X.shape and len(labels) == 80
    triples = some_rows([(X, X, Y)], 100)
    assert triples is not None and len(triples[0]) == 2
    ragged = some_rows([(X[:4, :3], Y[:4]), (X[4:8], Y[4:8])], 100)
    assert ragged is not None and len(ragged[1]) == 4
    with pytest.raises(NotApplicable, match="use up"):
        some_rows(iter(batches), 10)
    with pytest.raises(NotApplicable, match="row by row"):
        some_rows((X, Y[:7]), 10)
    with pytest.raises(InputError, match="loader"):
        some_rows(7, 10)
    with pytest.raises(InputError, match="numbers"):
        some_rows((["a", "b"], [0, 1]), 10)
