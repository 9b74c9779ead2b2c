"""The numbers of one image, and why some are missing."""

from streamlit.testing.v1 import AppTest


def test_distances_that_there_are_not_are_told_apart_in_words() -> None:
    def script() -> None:
        import math

        import pandas as pd

        from app.tasks.segmentation.case_detail import numbers
        from app.tasks.segmentation.case_viewer import Settled

        scores = {"dice": 0.5, "iou": 1 / 3, "precision": 0.5, "recall": 0.5}
        none = {"hausdorff95": math.nan, "average": math.nan, "unit": "mm"}
        rows = [
            {"run": "<both>", **scores, "hausdorff95": 3.25, "average": 1.5, "unit": "mm", "empty": None},
            {"run": "no truth", **scores, **none, "empty": "truth"},
            {"run": "no prediction", **scores, **none, "empty": "prediction"},
            {"run": "nothing", **scores, **none, "empty": "both"},
        ]
        numbers(pd.DataFrame(rows), Settled(0.25), ["cyst", "benign"])

    test = AppTest.from_function(script, default_timeout=30).run()
    assert not test.exception
    (table,) = (str(element.value) for element in test.get("html"))
    assert "Hausdorff 95 (mm)" in table
    assert "&lt;both&gt;" in table
    assert "<td>3.25</td><td>1.50</td>" in table
    assert "nothing is there, so there is no distance" in table
    assert "nothing was found, so there is no distance" in table
    assert "nothing is there and nothing was found" in table
    assert "threshold 0.25" in test.caption[0].value
    assert "means over the classes" in test.caption[0].value


def test_runs_with_the_same_reason_share_a_sentence() -> None:
    def script() -> None:
        from app.tasks.segmentation.case_detail import missing

        missing({"MAD": "none kept", "Fixed": "", "Variance": "none kept", "Bayesian": "too large"})

    test = AppTest.from_function(script, default_timeout=30).run()
    said = [caption.value for caption in test.caption]
    assert said == [":material/info: MAD, Variance\\: none kept", ":material/info: Bayesian\\: too large"]
