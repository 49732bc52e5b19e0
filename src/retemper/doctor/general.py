"""What to try on a network that does poorly whatever its findings, most often right first."""

from __future__ import annotations

GENERAL = (
    "another_optimizer",
    "scale_inputs",
    "scale_targets",
    "less_regularisation",
    "raise_learning_rate",
    "another_activation",
    "another_initialisation",
    "normalise_layers",
    "more_capacity",
    "train_longer",
    "smaller_batch",
    "lower_learning_rate",
    "residual_connections",
    "clip_gradients",
)
"""For a network that has not learnt what there is to learn."""
AGAINST_OVERFITTING = ("regularise_more", "label_smoothing", "augment", "stop_earlier", "class_weights")
"""For one that has learnt more than that."""
