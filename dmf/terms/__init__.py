"""Losses in general: what one is, what those of a step share, and several computed together; no task's own are here."""

from dmf.terms.bank import LossBank, Parts
from dmf.terms.base import Loss
from dmf.terms.prediction import Prediction

__all__ = ["Loss", "LossBank", "Parts", "Prediction"]
