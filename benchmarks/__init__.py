"""What the project costs, as ratios to what a user would otherwise pick, both measured in one run: ``make bench``."""

from dmf.cores import share_cores

share_cores()  # as the app and the command line do, for both sides
