"""Cases by any score, the worst first."""

import pandas as pd

from app.tasks.synthesis.orders import TITLES, look

TABLE = pd.DataFrame({name: [0.011, 0.034] for name in TITLES} | {"psnr": [25.0, 31.0]})


def test_worst_is_lowest_or_highest_as_the_score_has_it() -> None:
    orders = look(TABLE).orders
    assert orders["SSIM, worst first"].ascending
    assert not orders["RMSE, worst first"].ascending
    assert not orders["PSNR, best first"].ascending


def test_ranges_fit_the_values() -> None:
    scores = look(TABLE).scores
    assert scores["rmse"].range == (0.01, 0.04)
    assert (scores["psnr"].range, scores["psnr"].unit) == (None, "dB")
