"""Fusion: several losses in, one total to call ``backward`` on out."""

from dmf.fusion.fused import Fused
from dmf.fusion.fusion import Fusion
from dmf.fusion.given import Losses, Presence

__all__ = ["Fused", "Fusion", "Losses", "Presence"]
