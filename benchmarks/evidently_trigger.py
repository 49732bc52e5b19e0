"""Whether Evidently's default drift preset asks for retraining: run by an environment of its own that has Evidently.

usage: PYTHON evidently_trigger.py REFERENCE.csv CURRENT.csv   → prints the share of drifted columns, and yes or no
"""

from __future__ import annotations

import sys

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

THRESHOLD = 0.5
"""Evidently's default: a table drifts where so many of its columns do."""


def main() -> None:
    reference, current = (pd.read_csv(path) for path in sys.argv[1:])
    found = Report([DataDriftPreset()]).run(current, reference).dict()
    shares = [
        metric["value"]["share"]
        for metric in found["metrics"]
        if isinstance(metric["value"], dict) and "share" in metric["value"]
    ]
    print(shares[0], "yes" if shares[0] >= THRESHOLD else "no")


if __name__ == "__main__":
    main()
