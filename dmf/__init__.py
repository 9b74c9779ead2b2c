"""Adaptive multi-loss weighting: losses, weighting rules, fusion, lockstep training, run store and replay."""

__version__ = "0.1.0"
