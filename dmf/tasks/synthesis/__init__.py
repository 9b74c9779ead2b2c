"""Image synthesis: one image out of another, such as a late post-contrast slice out of an early one."""

from dmf.tasks.synthesis.task import Synthesis

__all__ = ["Synthesis"]
