"""Train, tune, diagnose and re-train neural networks by the book, with evidence.

>>> import retemper
>>> run = retemper.train("table.csv", target="y", time_limit="5m")  # doctest: +SKIP
>>> run.model.predict("new.csv")  # doctest: +SKIP
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retemper.api.estimators import NetClassifier, NetRegressor
    from retemper.api.functions import Run, check, evaluate, load, predict, report, train
    from retemper.core.errors import InputError, Interrupted, RetemperError

# Loaded at first use: `import retemper` must not wait for PyTorch.
_HOMES = {
    "retemper.api.functions": ("Run", "check", "evaluate", "load", "predict", "report", "train"),
    "retemper.api.estimators": ("NetClassifier", "NetRegressor"),
    "retemper.core.errors": ("InputError", "Interrupted", "RetemperError"),
}

__all__ = [
    "InputError",
    "Interrupted",
    "NetClassifier",
    "NetRegressor",
    "RetemperError",
    "Run",
    "check",
    "evaluate",
    "load",
    "predict",
    "report",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("retemper")
    for home, names in _HOMES.items():
        if name in names:
            module = import_module(home)
            # All of a home at once: `report` is also a subpackage, which importing its home has just bound here.
            globals().update({each: getattr(module, each) for each in names})
            return globals()[name]
    raise AttributeError(f"module 'retemper' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
