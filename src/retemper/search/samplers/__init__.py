"""Samplers: one file each. Every module has ``Options`` and ``build(options, space, seed, trials) → Sampler``.

Settings follow from the seed and from what was told alone: never from a clock, nor from who trains.
"""
