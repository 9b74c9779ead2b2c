"""Papers that several weightings are from, and how others are named."""

from dmf.facts import Paper

DMF = Paper(
    "Adaptive real-time multi-loss function optimization using dynamic memory fusion framework",
    "Biomed. Signal Process. Control 111",
    "https://arxiv.org/abs/2410.19745",
)
IMTL = Paper("Towards Impartial Multi-task Learning", "ICLR 2021", "https://openreview.net/forum?id=IMPnRXEWpvr")


def arxiv(title: str, where: str, number: str) -> Paper:
    """A paper that can be read on arXiv, by its number there."""
    return Paper(title, where, f"https://arxiv.org/abs/{number}")
