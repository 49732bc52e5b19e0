"""Train, tune, diagnose and re-train neural networks by the book, with evidence.

>>> import retemper
>>> run = retemper.train("table.csv", target="y", time_limit="5m")  # doctest: +SKIP
>>> run.model.predict("new.csv")  # doctest: +SKIP
"""

import random
import sys
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retemper.api.bayes_search import BayesSearch
    from retemper.api.callbacks.keras import KerasDoctor
    from retemper.api.callbacks.lightning import LightningDoctor
    from retemper.api.callbacks.transformers import TransformersDoctor
    from retemper.api.change_point import change_point
    from retemper.api.check import check
    from retemper.api.compare import compare
    from retemper.api.diagnose import diagnose
    from retemper.api.drift import drift
    from retemper.api.estimators import NetClassifier, NetRegressor
    from retemper.api.evaluate import evaluate
    from retemper.api.minimize import minimize
    from retemper.api.predict import load, predict
    from retemper.api.registry import registry
    from retemper.api.repair import repair
    from retemper.api.report import report
    from retemper.api.retrain import Retrained, retrain
    from retemper.api.searches import GridSearch, RandomSearch
    from retemper.api.train import Run, resume, train
    from retemper.api.tune import tune
    from retemper.api.watch import watch
    from retemper.api.watch_folder import retrain_folder
    from retemper.core.errors import InputError, Interrupted, RetemperError
    from retemper.retraining.streams.adwin import ADWIN
    from retemper.retraining.streams.ddm import DDM
    from retemper.retraining.streams.page_hinkley import PageHinkley

# Not in __all__: each needs a library that retemper does not, and says so where it is missing.
_CALLBACKS = {
    "KerasDoctor": "api.callbacks.keras",
    "LightningDoctor": "api.callbacks.lightning",
    "TransformersDoctor": "api.callbacks.transformers",
}
# Loaded at first use: `import retemper` must not wait for PyTorch.
_HOMES = {
    "ADWIN": "retraining.streams.adwin",
    "BayesSearch": "api.bayes_search",
    "DDM": "retraining.streams.ddm",
    "GridSearch": "api.searches",
    "InputError": "core.errors",
    "Interrupted": "core.errors",
    "NetClassifier": "api.estimators",
    "NetRegressor": "api.estimators",
    "PageHinkley": "retraining.streams.page_hinkley",
    "RandomSearch": "api.searches",
    "RetemperError": "core.errors",
    "Retrained": "api.retrain",
    "Run": "api.train",
    "change_point": "api.change_point",
    "check": "api.check",
    "compare": "api.compare",
    "diagnose": "api.diagnose",
    "drift": "api.drift",
    "evaluate": "api.evaluate",
    "load": "api.predict",
    "minimize": "api.minimize",
    "predict": "api.predict",
    "registry": "api.registry",
    "repair": "api.repair",
    "report": "api.report",
    "resume": "api.train",
    "retrain": "api.retrain",
    "retrain_folder": "api.watch_folder",
    "train": "api.train",
    "tune": "api.tune",
    "watch": "api.watch",
}

__all__ = [
    "ADWIN",
    "DDM",
    "BayesSearch",
    "GridSearch",
    "InputError",
    "Interrupted",
    "KerasDoctor",
    "LightningDoctor",
    "NetClassifier",
    "NetRegressor",
    "PageHinkley",
    "RandomSearch",
    "RetemperError",
    "Retrained",
    "Run",
    "TransformersDoctor",
    "change_point",
    "check",
    "compare",
    "diagnose",
    "drift",
    "evaluate",
    "load",
    "minimize",
    "predict",
    "registry",
    "repair",
    "report",
    "resume",
    "retrain",
    "retrain_folder",
    "train",
    "tune",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("retemper")
    home = _HOMES.get(name) or _CALLBACKS.get(name)
    if home is None:
        raise AttributeError(f"module 'retemper' has no attribute {name!r}")
    # Libraries draw from it when imported (rich does), which must not change a seeded run.
    state = random.getstate()
    found = getattr(import_module(f"retemper.{home}"), name)
    random.setstate(state)
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, *_CALLBACKS, "__version__"])


class _Package(ModuleType):
    """Keeps `retemper.report` the public function where importing the subpackage would bind that name."""

    @property
    def report(self) -> Any:
        return __getattr__("report")

    @report.setter
    def report(self, subpackage: ModuleType) -> None:
        pass


sys.modules[__name__].__class__ = _Package
