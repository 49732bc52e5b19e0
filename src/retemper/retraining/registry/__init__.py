"""Versions of a bundle: who came from what, which is in force, and the way back."""
