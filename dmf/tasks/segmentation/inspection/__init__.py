"""Runs of segmentation looked at image by image: what was recorded, read again."""
