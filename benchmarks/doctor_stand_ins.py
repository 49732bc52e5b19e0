"""Rows for the programs of doctor.py: bundled sets, and made-up ones in place of files that are not open.

Each entry of `SOURCES` takes NumPy's generator and a program's `data` section, and gives inputs [N, …] and targets [N]
or [N, K] as they come, unscaled. Images stand in for MNIST and its like: scikit-learn's 8×8 digits at twice the size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

Floats = NDArray[np.float64]
Section = Mapping[str, Any]
Source = Callable[[np.random.Generator, Section], tuple[Any, Any]]
IMAGES = 900


def corners(*targets: int) -> Source:
    """The four corners of the unit square, the first ones again where there are more targets."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0, 1], [1, 0]])[: len(targets)]
    return lambda rng, data: (x, np.array(targets))


def curve(at: Floats, of: Callable[[Floats], Floats]) -> Source:
    """A function of one number."""
    return lambda rng, data: (at[:, None], of(at))


def bits(numbers: NDArray[Any], count: int) -> NDArray[Any]:
    """The lowest bits of whole numbers [N, count]."""
    return numbers[:, None] >> np.arange(count) & 1


def made(name: str, **fixed: Any) -> Source:
    """One of scikit-learn's made-up sets."""

    def rows(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
        seed = int(rng.integers(2**31))
        given: dict[str, Any] = {"n_samples": data.get("n", 1000), "random_state": seed} | fixed
        if "d" in data:
            given["n_features"] = data["d"]
        if name == "make_classification" and "n_classes" not in fixed:
            given |= {"n_informative": min(5, data["d"] - 1), "n_redundant": 0}
        if name == "make_regression":
            given |= {"n_targets": data.get("t", 1), "n_informative": min(5, data["d"])}
        return getattr(datasets, name)(**given)

    return rows


def bundled(name: str) -> Source:
    """One of scikit-learn's bundled tables."""
    return lambda rng, data: getattr(datasets, f"load_{name}")(return_X_y=True)


def digits(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    """Images [N, 1, 16, 16] of digits, 0 to 255; ``/255`` and ``0..1`` in the section's scale bring them to 1."""
    x, y = datasets.load_digits(return_X_y=True)
    rows = rng.permutation(len(x))[:IMAGES]
    images = np.kron(x[rows].reshape(-1, 1, 8, 8), np.ones((2, 2))) * (255 / 16)
    scale = str(data.get("scale", ""))
    return (images / 255 if "/255" in scale or "0..1" in scale or "minmax" in scale else images), y[rows]


def adult_like(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    """Fourteen columns of the sizes of a census: codes, years, a weight of some 200,000, capital gains of thousands."""
    n = 3000
    codes = [rng.integers(0, most, n) for most in (8, 16, 7, 15, 6, 5, 2, 40)]
    age, years, hours = rng.integers(17, 80, n), rng.integers(1, 17, n), rng.integers(1, 99, n)
    weight = rng.lognormal(12, 0.6, n)
    gain = np.where(rng.random(n) < 0.08, rng.lognormal(8.5, 1, n), 0)
    loss = np.where(rng.random(n) < 0.04, 1900, 0)
    z = (age - 38) / 25 + 0.4 * (years - 10) + 0.03 * (hours - 50) + gain / 2500 + 0.6 * codes[6]
    return np.column_stack([age, weight, years, hours, gain, loss, *codes]), (
        z + rng.logistic(0, 0.5, n) > 1.4
    ).astype(int)


def cars_like(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    """Nine columns that share one cause, of the sizes of cars' cylinders to origins; the target 9 to 47."""
    n = 392
    cause, own = rng.normal(size=(n, 1)), rng.normal(size=(n, 9))
    share = np.array([0.9, 0.95, 0.9, 0.93, -0.5, -0.3, 0.6, -0.2, -0.2])
    unit = share * cause + np.sqrt(1 - share**2) * own
    x = np.array([5.5, 194, 104, 2977, 15.5, 76, 0.6, 0.2, 0.2]) + unit * [
        1.7,
        104,
        38,
        849,
        2.8,
        3.7,
        0.4,
        0.4,
        0.4,
    ]
    c = cause[:, 0]
    y = 22 - 5.9 * c + 2 * c**2 + 2.7 * unit[:, 5] + 2 * rng.normal(size=n)
    if "minmax" in data.get("scale", ""):
        centre, spread = x.mean(0), x.std(0)
        x = (x - x.min(0)) / np.ptp(x, 0)
        if "twice" in data["scale"]:
            x = (x - centre) / spread  # by the raw columns' numbers, as the program does
    return x, np.clip(y, 9, 47)


def packets(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    """Addresses of billions, ports and sizes; two of the sizes tell the class."""
    n = data["n"]
    y = rng.integers(0, 2, n)
    x = np.column_stack(
        [
            rng.uniform(1e9, 4e9, (n, 2)),
            rng.integers(0, 65535, (n, 2)),
            rng.integers(0, 1500, (n, 6)),
            rng.integers(0, 3, n),
        ]
    ).astype(float)
    x[:, 4] += 1200 * y
    x[:, 5] -= 600 * y
    return x, y


def mixed_scales(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    z = rng.normal(size=(data.get("n") or 200, 16))
    return np.exp(z / 2) * np.logspace(-1, 5.8, 16), (z[:, :4].sum(1) > 0).astype(int)


def words(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    """Rows of 0 and 1 for 1,000 words; 46 classes, the first far more frequent, each with words of its own."""
    n, classes = 1500, data.get("c", 46)
    y = np.minimum(rng.geometric(0.12, n) - 1, classes - 1)
    likely = rng.random((classes, 1000)) < 0.04
    return (rng.random((n, 1000)) < np.where(likely[y], 0.35, 0.02)).astype(float), y


def life(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    """Fields of the game of life, wrapped around [N, 1, 12, 12], and their next states [N, 1, 10, 10]."""
    field = (rng.random((600, 1, 10, 10)) < 0.4).astype(int)
    moves = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]
    around = sum(np.roll(field, move, (2, 3)) for move in moves)
    wrapped = np.pad(field, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="wrap")
    return wrapped.astype(float), ((around == 3) | (field == 1) & (around == 2)).astype(float)


def remainders(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    numbers = rng.integers(0, 1024, 3000)
    return bits(numbers, 20), bits(numbers % 7, 20).astype(float)


def waves(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    """Series [N, 20, 1]: a sine of one of three speeds in noise; or, for values, the sine's next point."""
    n, noise = data.get("n", 400), data.get("noise", 0.2)
    y = rng.integers(0, 3, n)
    at = np.arange(21) * np.array([0.3, 0.6, 1.0])[y][:, None] + rng.uniform(0, 6.3, (n, 1))
    x = (np.sin(at) + noise * rng.normal(size=at.shape))[:, :20, None]
    return x, (np.sin(at[:, 20]) if data.get("next") else y)


def sentences(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    """Rows of 12 codes under 50; the class is whether more of them are under 20 than over 30."""
    x = rng.integers(0, 50, (data.get("n", 500), 12))
    return x, ((x < 20).sum(1) > (x > 30).sum(1)).astype(int)


def linear(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = rng.uniform(0, data["scale"], (2000, 3))
    return x, x @ [2, 1, 0.5] + 2.2


def signs(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = rng.normal(size=(2000, 20))
    return x, (x @ rng.normal(size=(20, 3)) > 0).astype(float)


def copied(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = rng.uniform(-1, 1, (data["n"], data.get("d", 30)))
    return x, x[:, 1]


def squares(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    half = data["n"] // 2
    return rng.uniform(0, 0.5, (2 * half, 2)) + 0.5 * np.repeat([0, 1], half)[:, None], np.repeat(
        [0, 1], half
    )


def sum_over_half(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = rng.random((data["n"], 5))
    return x, (x.sum(1) > 2.5).astype(int)


def prices(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = rng.uniform(15000, 25000, data["n"])
    return x[:, None], (x > 20000).astype(int)


def few_codes(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = rng.integers(0, 4, (11, 3)).astype(float)
    x[:4, 0] = range(4)
    return x, x[:, 0].astype(int)


def letters(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = rng.integers(65, 71, (25, 3)).astype(float)
    return x, (x.sum(1) > 202).astype(int)


def scalar_codes(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    y = rng.integers(0, data["c"], data["n"])
    return y[:, None] / data["c"], y


def means(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = rng.integers(0, 100, (2000, 2)) / 100
    return x, x.mean(1)


def sine(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = rng.uniform(-10, 10, data["n"])
    return (x[:, None] + 10) / 20, (np.sin(x) + 1) / 2


def plane(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = rng.normal(size=(200, 2))
    return x, x @ [1, -0.7] + 0.1 * rng.normal(size=200)


def repeated(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    y = rng.integers(0, 2, 2000)
    return np.repeat(y[:, None], 128, 1), y


def noisy_square(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = np.arange(50) / 10
    return x[:, None], 5 * x**2 + rng.normal(size=50) ** 3


def noisy_line(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = rng.uniform(-8, 8, 8)
    return x[:, None], 1.3 * x + 0.7 + rng.uniform(-1, 1, 8)


def trend(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    t = np.arange(100.0)
    return np.column_stack([t, np.ones(100)]), 2 * t + 4 + rng.uniform(0, 10, 100)


def byte_bits(rng: np.random.Generator, data: Section) -> tuple[Any, Any]:
    x = bits(np.arange(256), 8)
    return x, x.astype(float)


SOURCES: Mapping[str, Source] = {
    "xor4": corners(0, 1, 1, 0),
    "xnor4": corners(1, 0, 0, 1),
    "and4": corners(0, 0, 0, 1),
    "xor6": corners(0, 1, 1, 0, 1, 1),
    "parabola200": curve(np.arange(-10, 10, 0.1), lambda x: x**2 + 3),
    "x4": curve(np.arange(-100, 100, 0.5), lambda x: x**4),
    "line5x": curve(np.linspace(1, 2, 100), lambda x: 5 * x),
    "half_x": curve(np.array([0.4, 3, 8, 15, 25]), lambda x: x / 2),
    "poly5": curve(np.linspace(0, 10, 200), lambda x: (x - 1) * (x - 3) * (x - 5) * (x - 7) * (x - 9)),
    "make_classification": made("make_classification"),
    "make_classification5": made(
        "make_classification",
        n_features=5,
        n_informative=5,
        n_redundant=0,
        n_classes=5,
        n_clusters_per_class=1,
        class_sep=2.0,
    ),
    "make_regression": made("make_regression"),
    "circle": made("make_circles", noise=0.1, random_state=1),
    "blob": made("make_blobs", centers=3, cluster_std=2, random_state=2),
    "moons": made("make_moons", noise=0.25),
    "friedman": made("make_friedman1", noise=1.0),
    **{name: bundled(name) for name in ("iris", "wine", "breast_cancer", "diabetes", "digits")},
    **dict.fromkeys(("mnist", "fashion_mnist"), digits),
    "adult_like": adult_like,
    "auto_mpg_like": cars_like,
    "ip_ports11": packets,
    "mixed_scale16": mixed_scales,
    "reuters_bow10000": words,
    "game_of_life": life,
    "mod7_bits": remainders,
    "waves": waves,
    "sentences": sentences,
    "linear3": linear,
    "make_multilabel": signs,
    "copy_feature": copied,
    "two_uniform_squares": squares,
    "uniform5": sum_over_half,
    "price_direction1d": prices,
    "tiny11x3_4classes": few_codes,
    "int_codes3": letters,
    "onehot69_from_scalar": scalar_codes,
    "mean_of_two": means,
    "sine": sine,
    "gauss_reg_csv": plane,
    "ones_vs_zeros": repeated,
    "quad_noise": noisy_square,
    "line_noise8": noisy_line,
    "trend100": trend,
    "bits8_identity": byte_bits,
}
