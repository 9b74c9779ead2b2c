"""What the imbalance view shows of data in which there is nothing to find."""

import pytest
from streamlit.testing.v1 import AppTest


def script(shares: tuple[float, ...]) -> None:
    import numpy as np
    import pandas as pd

    from app.tasks.segmentation import imbalance
    from app.tasks.segmentation.views import Balance
    from dmf.tasks.segmentation.metrics.imbalance import precision_recall

    pixels = np.array([0, 0, 0] if np.isnan(shares[0]) else [4, 0, 2])
    imbalance.show(
        {"r": "mine"},
        {"r": Balance(2, shares, np.full(2, np.nan), {1: [], 2: []})},
        ("cyst", "tumour"),
        split="test",
        over_training=lambda name: pd.DataFrame(columns=["run", "epoch", "recall", "precision"]),
        curve=lambda run, number: precision_recall(pixels, 0 * pixels),
    )


@pytest.mark.parametrize(
    ("shares", "chosen", "words"),
    [
        ((1.0, 0.0, 0.0), "cyst", "None shows anything but background."),
        ((float("nan"),) * 3, "cyst", "All pixels of the 2 test images are void"),
        ((0.9, 0.0, 0.1), "tumour", "cyst **0 %**, tumour **10 %**"),  # the rarest of those that there are
    ],
)
def test_without_a_pixel_of_the_class_it_says_so(shares: tuple[float, ...], chosen: str, words: str) -> None:
    test = AppTest.from_function(script, args=(shares,), default_timeout=30).run()
    assert not test.exception
    assert test.session_state["imbalance-class"] == chosen
    text = " ".join(str(each.value) for kind in ("markdown", "caption") for each in test.get(kind))
    assert words in text
    assert "no pixel of its test images is of this class" in text
    assert "nan" not in text
