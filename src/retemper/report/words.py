"""The report's words: names of metrics and steps, and numbers as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

NOTHING = "\N{EN DASH}"
FEWER_DIGITS_FROM = 1e12
"""From here on nobody counts digits: a number is written with a power of ten."""


class Metric(NamedTuple):
    """A metric's title, whether more is better, and what it says in one line."""

    title: str
    higher: bool
    meaning: str


METRICS = {
    "cost": Metric("Cost", False, "what a row's mistake costs on average"),
    "log_loss": Metric("Log loss", False, "surprise at the true class, in nats a row"),
    "accuracy": Metric("Accuracy", True, "share of rows with the right class"),
    "balanced_accuracy": Metric("Balanced accuracy", True, "mean share of each class that is found"),
    "roc_auc": Metric("ROC AUC", True, "how well rows are ranked; .5 is chance"),
    "f1_macro": Metric("F1, macro", True, "precision and recall together, mean over classes"),
    "precision_macro": Metric("Precision, macro", True, "share of calls that are right, mean over classes"),
    "recall_macro": Metric("Recall, macro", True, "share of each class that is found"),
    "ece": Metric("Calibration error", False, "gap between stated confidence and accuracy"),
    "rmse": Metric("RMSE", False, "root of the mean squared error, in the target's unit"),
    "mae": Metric("MAE", False, "mean absolute error, in the target's unit"),
    "r2": Metric("R²", True, "share of the target's variance that is explained"),
}
MAIN = {"classification": "log_loss", "regression": "rmse", "forecasting": "rmse"}

MODELS = {
    "network": "This network",
    "gradient_boosting": "Gradient boosting",
    "linear": "Linear model",
    "majority": "Class frequencies",
    "mean": "Training mean",
}

STEPS = {
    "data_check": ("Data check", "Is the data sound?"),
    "baselines": ("Baselines", "What has to be beaten?"),
    "initial_loss": ("Initial loss", "Does training start where it should?"),
    "overfit_sample": ("Overfit a sample", "Can the network learn at all?"),
    "input_blind": ("Input-blind check", "Does it really use its inputs?"),
    "learning_rate_range": ("Learning-rate range", "Which learning rates work?"),
    "search_coarse": ("Coarse search", "Which recipes look promising?"),
    "search_refine": ("Refined search", "Which hold up in longer training?"),
    "search": ("Search", "Which settings are best?"),
    "train_long": ("Long training", "How far do the best recipes go?"),
    "read_curves": ("Reading the curves", "What would make it better?"),
    "ensemble": ("Ensemble", "Are several networks better than one?"),
    "calibrate": ("Calibration", "Do its probabilities mean what they say?"),
    "test_once": ("Test, once", "How good is it on rows it never saw?"),
}


def metric(name: str) -> Metric:
    """The metric's words; an unknown one is named as it is."""
    return METRICS.get(name, Metric(phrase(name), False, ""))


def model(name: str) -> str:
    """``gradient_boosting`` → ``Gradient boosting``."""
    return MODELS.get(name, phrase(name))


def seriousness(finding: Mapping[str, Any]) -> int:
    """A finding's place among others, the most serious first; an unknown severity comes last.

    >>> sorted([{"severity": "advice"}, {"severity": "error"}], key=seriousness)[0]
    {'severity': 'error'}
    """
    known = ("error", "warning", "advice")
    severity = finding.get("severity")
    return known.index(severity) if severity in known else len(known)


def phrase(name: str) -> str:
    """A name in snake case as words.

    >>> phrase("learning_rate_too_high")
    'Learning rate too high'
    """
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def number(value: Any, digits: int = 4) -> str:
    """A number with so many significant digits, thousands apart; a dash for nothing, an option's name for the option.

    >>> number(0.28263), number(48842), number(1234.56), number(2.5e-5), number(None), number(-0.5), number(1.7726e16)
    ('0.2826', '48,842', '1,235', '2.5e-5', '–', '−0.5', '1.773e16')
    >>> number({"name": "adamw", "learning_rate": 0.01})
    'adamw'
    """
    if isinstance(value, Mapping):
        return str(value.get("name") or NOTHING)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(number(own, digits) for own in value) or NOTHING
    if value is None or isinstance(value, str):
        return value or NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not math.isfinite(value):
        return NOTHING
    if value == int(value) and abs(value) < 1e15:
        return _signed(f"{int(value):,}")
    size = abs(value)
    if size >= FEWER_DIGITS_FROM:
        return _power(value, digits)
    if size >= 10 ** (digits - 1):
        return _signed(f"{value:,.0f}")
    if size < 1e-3:
        return _signed(f"{value:.{max(2, digits - 1)}g}".replace("e-0", "e-"))
    return _signed(f"{value:.{digits}g}")


def fixed(value: Any, like: Any = None) -> str:
    """A score with as many decimals as its size asks for, so that scores below each other line up.

    >>> fixed(0.28), fixed(3982.71), fixed(12.3456), fixed(-1e-6), fixed(0.3, like=3982.0), fixed(-4.7594e24)
    ('0.2800', '3,983', '12.35', '0.0000', '0', '−4.759e24')
    """
    if value is None:
        return NOTHING
    if abs(value) >= FEWER_DIGITS_FROM:
        return _power(value, 4)
    size = abs(value if like is None else like)
    decimals = 4 if size < 2 else 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return _signed(f"{value:z,.{decimals}f}")  # z: no minus before a zero


def percent(share: float | None, decimals: int = 1) -> str:
    r"""A share in percent.

    >>> percent(0.2387), percent(0.0004), percent(0), percent(0.99996)
    ('23.9\xa0%', '0.04\xa0%', '0\xa0%', '99.996\xa0%')
    """
    if share is None:
        return NOTHING
    value = 100 * share
    shown = f"{value:.{decimals}f}" if value >= 0.1 else f"{value:.2g}"
    if 99.9 < value < 100:
        shown = f"{100 - float(f'{100 - value:.1g}'):.8g}"  # all but a few is not all
    return f"{shown.removesuffix('.0').removesuffix('.00')}\N{NO-BREAK SPACE}%"


def duration(seconds: float | None) -> str:
    """A time span.

    >>> duration(0.04), duration(58.7), duration(754), duration(7260)
    ('0.04 s', '58.7 s', '12 min 34 s', '2 h 1 min')
    """
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 0.1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _power(value: float, digits: int) -> str:
    return _signed(f"{value:.{digits}g}".replace("e+", "e"))


def _signed(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text
