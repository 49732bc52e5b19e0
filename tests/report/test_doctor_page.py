"""The doctor's page: facts, charts, and the page of a real training."""

import json
import re

import numpy as np
import pytest
import torch
from torch import nn

import retemper
from retemper.core.errors import InputError
from retemper.core.records import Finding
from retemper.report.doctor_charts import doctor_figures
from retemper.report.doctor_facts import DoctorRecords, doctor_facts

EPOCHS = np.arange(1.0, 11)
CURVES = {"epoch": EPOCHS, "train_loss": 1 / EPOCHS, "val_loss": np.abs(EPOCHS - 4) + 1}


def looks(names=("0.weight", "2.weight")):
    k, n = 5, len(names)
    flat = np.full((k, n), 1e-3)
    shares = np.zeros((k, 2))
    shares[-1, 1] = 0.4
    return {
        "steps": np.arange(1.0, k + 1),
        "losses": np.linspace(1, 0.5, k),
        "probe_losses": np.full(k, np.nan),
        "gradients": flat * 10,
        "updates": flat,
        "dead": shares,
        "saturated": np.full((k, 0), np.nan),
        "names": names,
        "sizes": (100,) * n,
    }


def test_a_finding_is_marked_where_it_was_seen():
    found = Finding("overtrained", "warning", 0.9, "Rises.", {"best_epoch": 4})
    other = Finding("wrong_loss", "error", 0.9, "Wrong.", {})
    facts = doctor_facts(DoctorRecords([other, found], series=CURVES))
    layout = doctor_figures(facts)["doctor-curves"]["layout"]
    assert [(own["x"], own["text"]) for own in layout["annotations"]] == [(4, "2")]
    assert facts["findings"][1]["when"] == "epoch 4"


def test_without_epochs_losses_are_drawn_by_step():
    facts = doctor_facts(DoctorRecords([], looks=looks()))
    made = doctor_figures(facts)["doctor-curves"]
    assert made["layout"]["xaxis"]["title"]["text"] == "Step" and len(made["data"]) == 1


def test_gradients_are_per_weight_and_only_units_that_suffer_are_drawn():
    facts = doctor_facts(DoctorRecords([], looks=looks()))
    assert facts["looks"]["gradients"][0][0] == pytest.approx(1e-3)
    assert [own["place"] for own in facts["looks"]["dead"]] == [2]


def test_of_many_layers_the_first_the_last_and_some_between_are_drawn():
    facts = doctor_facts(DoctorRecords([], looks=looks(tuple(f"layers.{k}.weight" for k in range(40)))))
    shown = facts["looks"]["layers"]
    assert len(shown) == 6 and shown[0] == "layers.0" and shown[-1] == "layers.39"
    assert facts["looks"]["layers_left_out"] == 34


def test_names_of_layers_bring_no_markup_into_charts():
    figures = doctor_figures(doctor_facts(DoctorRecords([], looks=looks(("<b onclick=1>", "2.weight")))))
    assert "<b" not in json.dumps(figures)


def test_nothing_known_is_a_page_without_charts():
    assert doctor_figures(doctor_facts(DoctorRecords([]))) == {}


def test_zeros_of_a_rectifier_do_not_hide_the_rest():
    own = {"name": "relu", "low": 0.0, "high": 2.0, "counts": (90, 6, 4), "zeros": 0.9}
    picture = doctor_facts(DoctorRecords([], first=[own], last=[own]))["activations"]["pictures"][0]
    assert [bar["height"] for bar in picture["now"]] == [0.0, 100.0, pytest.approx(66.67)]
    assert picture["before"] == picture["now"]


def test_the_page_of_a_real_training_stands_alone(tmp_path):
    torch.manual_seed(0)
    x = torch.rand(64, 3)
    y = (x[:, :1] > 0.5).float()
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1), nn.Softmax(1))
    sgd, loss = torch.optim.SGD(net.parameters(), 0.1), nn.BCELoss()
    with retemper.watch(net, sgd, loss=loss, train_data=(x, y)) as doctor:
        for _ in range(20):
            value = loss(net(x), y)
            sgd.zero_grad()
            value.backward()
            sgd.step()
            doctor.step(value)
            doctor.epoch()
    path = doctor.plot(tmp_path / "new" / "doctor.html")
    page = path.read_text(encoding="utf-8")
    plain = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert "1. Single unit softmax" in plain and not re.search(r"(src|href)=.?https?:", plain)
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page, re.S)[1])
    assert (
        "doctor-curves" in figures and "doctor-gradients" not in figures
    )  # that softmax passes no gradient on
    assert page.count('<svg class="spark big"') == 2
    with pytest.raises(InputError, match=r"ends in \.html"):
        doctor.plot(tmp_path / "doctor.pdf")


def test_every_decade_that_the_band_of_updates_widens_the_axis_to_has_a_tick():
    made = doctor_figures(
        doctor_facts(DoctorRecords(findings=[], looks=looks() | {"updates": np.full((5, 2), 4e-2)}))
    )
    assert made["doctor-updates"]["layout"]["yaxis"]["tickvals"] == [1e-4, 1e-3, 1e-2, 1e-1]
