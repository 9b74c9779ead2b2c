"""How cases of image synthesis are sorted and filtered: by any score, the worst first."""

import math

import pandas as pd

from app.components.inspect.browsing import BrowsingLook, Order, Score

TITLES = {"psnr": "PSNR", "ssim": "SSIM", "rmse": "RMSE", "mae": "MAE", "nmse": "NMSE"}
HIGHER = ("psnr", "ssim")
HELP = {
    "psnr": "Peak signal-to-noise ratio in dB; higher is better.",
    "ssim": "Structural similarity, 1 for a copy; higher is better.",
    "rmse": "Root mean squared error, share of the range; lower is better.",
    "mae": "Mean absolute error, share of the range; lower is better.",
    "nmse": "Squared error over the squared target; lower is better.",
}


def look(table: pd.DataFrame) -> BrowsingLook:
    """What is said of a table of cases.

    Args:
        table: Columns as ``app.tasks.synthesis.access.case_table`` gives them.
    """
    orders = {}
    for name, title in TITLES.items():
        orders[f"{title}, worst first"] = Order(name, name in HIGHER, HELP[name])
        orders[f"{title}, best first"] = Order(name, name not in HIGHER)
    scores = {
        name: Score(
            title, None if name == "psnr" else _range(table[name]), "dB" if name == "psnr" else "", 2 + (name != "psnr")
        )
        for name, title in TITLES.items()
    }
    return BrowsingLook(scores, orders, key="what the run made, as the network sees it")


def _range(values: "pd.Series[float]") -> tuple[float, float]:
    """Ends around all values, on hundredths."""
    finite = values.dropna()
    if finite.empty:
        return 0.0, 1.0
    low, high = math.floor(100 * finite.min()) / 100, math.ceil(100 * finite.max()) / 100
    return low, max(high, low + 0.01)
