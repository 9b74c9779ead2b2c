"""Pages of image synthesis: images that were made, beside those that should have been."""

from app.tasks.synthesis.pages import SynthesisPages

__all__ = ["SynthesisPages"]
