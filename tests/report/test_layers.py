"""Gradient flow and updates by layer in the report of a training."""

import numpy as np

from retemper.report.charts import figures
from retemper.report.facts import facts
from retemper.report.layers import layers_of
from retemper.report.page import render


def test_six_layers_of_the_best_network_are_drawn_against_the_healthy_band(make_run):
    told = facts(make_run())
    long = told["curves"]["train_long"]
    assert long["layers"]["layers_left_out"] == 2
    assert long["layers"]["layers"][0] == "hidden_1" and long["layers"]["layers"][-1] == "head"
    assert not [name for member in long["members"] for name in member if "." in name]
    made = figures(told)
    flow, updates = made["layer-gradients"], made["layer-updates"]
    assert [trace["name"] for trace in flow["data"]] == long["layers"]["layers"]
    assert flow["data"][0]["y"][0] == 1e-3 and flow["layout"]["yaxis"]["type"] == "log"
    assert flow["layout"]["xaxis"]["title"]["text"] == "Epoch"
    assert made["signals"]["layout"]["yaxis3"]["type"] == "log"  # the healthy band spans powers of ten
    assert len(updates["layout"]["shapes"]) == 1 and not flow["layout"].get("shapes")


def test_the_page_says_how_many_layers_are_not_drawn(make_run):
    html = render(facts(make_run()))
    assert (
        html.count('data-figure="layer-') == 2 and "2 layers between the first and the last are not" in html
    )


def test_nothing_is_drawn_where_nothing_was_recorded(make_run):
    assert "layer-gradients" not in figures(facts(make_run(bare=True)))
    one = {"epoch": np.ones(1), "gradient_rms.a": np.ones(1), "update_ratio.a": np.ones(1)}
    assert layers_of(one) == {} and layers_of({"epoch": np.ones(3)}) == {}


def test_long_trainings_are_thinned():
    epochs = np.arange(1.0, 1001.0)
    found = layers_of({"epoch": epochs, "gradient_rms.a": 1 / epochs, "update_ratio.a": 1 / epochs})
    assert len(found["epochs"]) == len(found["gradients"][0]) == 200 and found["epochs"][-1] == 1000
