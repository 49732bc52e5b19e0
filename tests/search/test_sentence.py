"""What was learnt, in words."""

from retemper.search.flat import Flat
from retemper.search.learnt import Curve, Importance, Learnt
from retemper.search.sentence import sentence


def importance(path, share, matters=True, flat=None, where=None):
    return Importance(
        path, share, share - 0.06, share + 0.06, matters, Curve((), (), (), ()), flat, where or {}, 50
    )


def test_shares_flat_parts_and_conditions():
    rate = importance("training.optimizer.learning_rate", 0.71)
    width = importance("model.width", 0.2, flat=Flat("beyond", 128))
    dropout = importance("model.dropout", 0.07, matters=False)
    momentum = importance(
        "training.optimizer.momentum",
        0.4,
        flat=Flat("beyond", 0.9),
        where={"training.optimizer.name": ("sgd", "lion")},
    )
    assert sentence(Learnt(3, 5, 60, explained=0.82, options=(rate, width, dropout, momentum))) == (
        "Learning rate explains 71 % of the variance (65 to 77 %), width 20 %; width gains nothing beyond 128; "
        "momentum gains nothing beyond 0.9 where optimizer is sgd or lion; "
        "momentum explains 40 % where optimizer is sgd or lion (60 trials compared after 3 epochs, "
        "82 % of whose differences the settings foretell)."
    )
    assert sentence(Learnt(3, 5, 60, options=(momentum,))).endswith("(60 trials compared after 3 epochs).")


def test_nothing_stands_out():
    learnt = Learnt(1, 5, 60, explained=0.2, options=(importance("model.width", 0.1, matters=False),))
    assert sentence(learnt) == (
        "No option stands out from chance alone (60 trials compared after 1 epoch, "
        "20 % of whose differences the settings foretell)."
    )
