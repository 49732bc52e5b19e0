"""Which finding is most likely the root: what is built wrong before what is scaled wrong before what it looks like."""

from __future__ import annotations

from collections.abc import Sequence

from retemper.core.records import Finding

LIKELIHOOD = {
    "single_unit_softmax": 1.0,
    "softmax_wrong_axis": 1.0,
    "shape_broadcast": 1.0,
    "gradient_ascent": 1.0,
    "stale_gradients": 1.0,
    "output_units_mismatch": 1.0,
    "missing_output_activation": 0.98,
    "redundant_softmax": 0.98,
    "wrong_loss": 0.97,
    "output_range_mismatch": 0.97,
    "constant_initialisation": 0.95,
    "misaligned_labels": 0.9,
    "leakage": 0.9,
    "missing_nonlinearity": 0.88,
    "frozen_parameters": 0.85,
    "learning_rate_too_high": 0.85,
    "unscaled_targets": 0.82,
    "double_normalisation": 0.82,
    "unscaled_inputs": 0.8,
    "bad_initialisation": 0.78,
    "over_regularised": 0.75,
    "vanishing_gradients": 0.72,
    "saturated_activations": 0.6,
    "dead_units": 0.7,
    "learning_rate_too_low": 0.68,
    "too_few_epochs": 0.6,
    "low_capacity": 0.55,
    "batch_too_large": 0.55,
    "batch_too_small": 0.55,
    "exploding_gradients": 0.5,
    "class_imbalance": 0.5,
    "oscillating": 0.5,
    "slow_start": 0.45,
    "decayed_too_early": 0.45,
    "non_finite": 0.4,
    "diverging": 0.38,
    "overfitting": 0.35,
    "overtrained": 0.3,
    "still_improving": 0.3,
    "plateau": 0.25,
    "underfitting": 0.2,
    "below_reference": 0.1,
    "initial_loss_off": 0.15,
    "cannot_overfit_sample": 0.15,
    "input_ignored": 0.15,
    "noisy_validation": 0.1,
}
"""How likely a finding of this code names the cause where nothing likelier was found.

Fitted on one half of the faults and healthy programs of benchmarks/doctor.py, and drawn to what was thought before.
"""
UNKNOWN = 0.3


def likelihood(finding: Finding) -> float:
    """How likely a finding is to name the root cause, were it alone: by its code, and by how strongly it shows."""
    return LIKELIHOOD.get(finding.code, UNKNOWN) * finding.confidence


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """The findings by their likelihood of being the root cause, the most likely first, advice last.

    >>> dead = Finding("dead_units", "warning", 0.8, "Dead.")
    >>> [each.code for each in ranked([dead, Finding("learning_rate_too_high", "warning", 0.8, "High.")])]
    ['learning_rate_too_high', 'dead_units']
    """

    def place(finding: Finding) -> tuple[bool, float, str]:
        return finding.severity == "advice", -likelihood(finding), finding.code

    return sorted(findings, key=place)
