"""Which finding is most likely the root: what is built wrong before what is scaled wrong before what it looks like."""

from __future__ import annotations

from collections.abc import Sequence

from retemper.core.records import Finding

LIKELIHOOD = {
    "gradient_ascent": 0.99,
    "learning_rate_too_high": 0.99,
    "misaligned_labels": 0.98,
    "missing_output_activation": 0.99,
    "output_range_mismatch": 0.99,
    "output_units_mismatch": 0.99,
    "shape_broadcast": 0.99,
    "single_unit_softmax": 0.99,
    "softmax_wrong_axis": 0.99,
    "stale_gradients": 0.99,
    "train_serve_mismatch": 0.99,
    "constant_initialisation": 0.98,
    "redundant_softmax": 0.98,
    "wrong_loss": 0.97,
    "double_normalisation": 0.96,
    "mixed_rows": 0.95,
    "train_mode_evaluation": 0.95,
    "frozen_parameters": 0.94,
    "missing_nonlinearity": 0.92,
    "over_regularised": 0.91,
    "unscaled_targets": 0.91,
    "vanishing_gradients": 0.91,
    "evaluation_mode_training": 0.9,
    "label_errors": 0.9,
    "leakage": 0.9,
    "unscaled_inputs": 0.87,
    "bad_initialisation": 0.84,
    "learning_rate_too_low": 0.73,
    "saturated_activations": 0.68,
    "too_few_epochs": 0.65,
    "low_capacity": 0.64,
    "dead_units": 0.61,
    "batch_too_small": 0.56,
    "batch_too_large": 0.85,
    "class_imbalance": 0.5,
    "oscillating": 0.5,
    "exploding_gradients": 0.49,
    "decayed_too_early": 0.44,
    "slow_start": 0.41,
    "non_finite": 0.4,
    "overfitting": 0.32,
    "diverging": 0.28,
    "still_improving": 0.22,
    "overtrained": 0.18,
    "initial_loss_off": 0.14,
    "plateau": 0.11,
    "underfitting": 0.11,
    "input_ignored": 0.1,
    "noisy_validation": 0.09,
    "cannot_overfit_sample": 0.08,
    "below_reference": 0.06,
}
"""How likely a finding of this code names the cause where nothing likelier was found.

Fitted on one half of the faults and healthy programs of benchmarks/doctor.py: (right + 5 · prior) / (seen + 5), where a
finding counts by what likelier ones leave, and the prior puts what is built wrong before what is scaled wrong, and that
before what both look like. Codes that no program showed keep their prior; so do wrong_loss,
redundant_softmax and those of modes, which the look at the loss had wrong when the programs were run, and batches
that hold all rows, which it now knows.
"""
UNKNOWN = 0.3
PROVEN = 0.99


def likelihood(finding: Finding) -> float:
    """How likely a finding is to name the root cause, were it alone: by its code, and by how strongly it shows.

    A symptom that is as sure as ``PROVEN`` has seen the cause itself, such as inputs that are all alike.
    """
    if finding.confidence >= PROVEN:
        return finding.confidence
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
