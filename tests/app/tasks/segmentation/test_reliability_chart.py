"""The chart of reliability holds what it was given."""

import pandas as pd

from app.tasks.segmentation.reliability_chart import reliability_chart


def test_reliability_has_a_line_per_run_and_the_diagonal() -> None:
    frame = pd.DataFrame({"run": ["a", "b"], "confidence": [0.2, 0.9], "frequency": [0.1, 0.8], "pixels": [5, 6]})
    made = reliability_chart(frame, {"a": "#111111", "b": "#222222"}).to_dict()
    assert [layer["mark"]["type"] for layer in made["layer"]] == ["line", "line"]
    color = made["layer"][1]["encoding"]["color"]["scale"]
    assert color == {"domain": ["a", "b"], "range": ["#111111", "#222222"]}
