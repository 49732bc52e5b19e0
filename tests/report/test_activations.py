"""A run's pictures of activations: filled as trained, the line as it began."""

from retemper.report.activations import of_training

END = {"name": "tanh", "low": -1.0, "high": 1.0, "counts": [4, 0, 0, 4], "zeros": 0.0}
START = {"name": "tanh", "low": -0.5, "high": 0.5, "counts": [1, 3, 3, 1], "zeros": 0.0}


def test_a_run_shows_both_on_one_axis() -> None:
    (own,) = of_training({"activations": {"histograms": [END], "start": [START], "rows": 8}})["pictures"]
    assert own["ends"] == ["−1", "1"]
    assert [bar["at"] for bar in own["before"]] == [25.0, 37.5, 50.0, 62.5]
    assert [bar["height"] for bar in own["now"]] == [100.0, 0.0, 0.0, 100.0]


def test_a_run_of_before_there_was_a_start_shows_none() -> None:
    (own,) = of_training({"activations": {"histograms": [END], "rows": 8}})["pictures"]
    assert own["before"] is None
