"""What ``tune`` prints of its search."""

from retemper.cli.search_table import print_search

RATE = "training.optimizer.learning_rate"


def result(options=(), learnt=""):
    trials = [
        {"number": k, "values": {"model.width": 64, RATE: 0.0012345}, "loss": 0.25 + k / 100, "epochs": 9}
        | {"standard_error": 0.0123 if k else None}
        for k in range(7)
    ]
    trials.append({"number": 9, "values": {}, "loss": None, "epochs": 0, "standard_error": None})
    found = {"trials": trials, "space": {"model.width": {}, RATE: {}, "gone": {}}}
    found["learnt"] = {"options": [{"path": path} for path in options]}
    return {"search": {"trials": 8, "learnt": learnt, "evidence": found}}


def test_the_best_five_with_their_error(capsys):
    print_search(result((RATE,), "Learning rate explains 71 % of the variance."))
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == "Best of 8 trials, ± standard error between folds"
    assert lines[1].split() == ["trial", "loss", "epochs", "learning", "rate", "width"]
    assert lines[2].split() == ["0", "0.2500", "9", "0.00123", "64"]
    assert lines[3].split() == ["1", "0.2600", "±", "0.0123", "9", "0.00123", "64"]
    assert lines[6].split()[0] == "4" and lines[-1] == "Learning rate explains 71 % of the variance."
    assert len(lines) == 9


def test_nothing_is_printed_where_there_is_nothing(capsys):
    print_search({"search": {}})
    assert not capsys.readouterr().out


def test_the_nested_estimate_has_the_last_word(capsys):
    found = result() | {"nested": {"message": "Nested estimate: 0.3."}}
    print_search(found)
    assert capsys.readouterr().out.endswith("\nNested estimate: 0.3.\n")
    found["nested"]["cut_short"] = "the time left did not allow for it"
    print_search(found)
    assert capsys.readouterr().out.endswith(
        "0.3. Fewer folds than asked: the time left did not allow for it.\n"
    )
    print_search(result() | {"nested": {"left_out": "no network trained"}})
    assert capsys.readouterr().out.endswith("There is no nested estimate: no network trained.\n")
