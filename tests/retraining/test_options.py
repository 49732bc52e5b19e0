"""What a person may say about a retraining: each in its bounds, all mistakes at once."""

import pytest

from retemper.core.errors import InputError
from retemper.retraining.options import RetrainOptions


def test_one_column_is_a_slice_too() -> None:
    assert RetrainOptions.checked({"slices": "city"}).slices == ("city",)
    assert RetrainOptions.checked({"slices": ["city", "age"]}).slices == ("city", "age")


@pytest.mark.parametrize(
    ("given", "share"),
    [({}, 0.25), ({"strategy": "ewc"}, 1.0), ({"budget": 0.1}, 0.1), ({"strategy": "ewc", "budget": 2}, 2.0)],
)
def test_the_share_of_the_cost_of_a_training_from_scratch(given: dict[str, object], share: float) -> None:
    options = RetrainOptions.checked(given)
    assert options.share() == share
    assert options.share(new_classes=2) == (share if "budget" in given else 1.0)


def test_mistakes_are_told_together_each_with_its_bound_or_the_nearest_name() -> None:
    with pytest.raises(InputError) as caught:
        RetrainOptions.checked({"alpha": 2, "margin_points": -1, "slices": 3, "fold": 5})
    assert caught.value.code == "bad_retrain_option"
    for said in ("alpha", "less than 1", "margin_points", "slices", "did you mean folds?"):
        assert said in caught.value.message
    assert not caught.value.message.endswith("?.")
