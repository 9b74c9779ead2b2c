"""How cases of image synthesis are sorted and filtered: by any score, the worst first."""

import math

import pandas as pd

from app.components.inspect.browsing import BrowsingLook, Order, Score
from dmf.metric_info import MetricInfo
from dmf.tasks.synthesis.info import METRIC_INFO, METRICS

_INFO: dict[str, MetricInfo] = {name: METRIC_INFO[name] for name in METRICS}
TITLES = {name: info.title.partition(" [")[0] for name, info in _INFO.items()}  # units stand with the scores


def look(table: pd.DataFrame) -> BrowsingLook:
    """What is said of a table of cases.

    Args:
        table: Columns as ``app.tasks.synthesis.access.case_table`` gives them.
    """
    orders = {}
    for name, title in TITLES.items():
        is_higher_better = _INFO[name].better == "higher"
        orders[f"{title}, worst first"] = Order(name, is_higher_better, _INFO[name].sentence)
        orders[f"{title}, best first"] = Order(name, not is_higher_better)
    scores = {
        name: Score(
            title,
            None if name == "psnr" else _range(table[name]),
            "dB" if name == "psnr" else "",
            2 + (name != "psnr"),
            _INFO[name].better == "lower",
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
