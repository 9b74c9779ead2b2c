"""What the project costs, as ratios to what a user would otherwise pick, both measured in one run: ``make bench``."""
