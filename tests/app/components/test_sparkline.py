"""A sparkline: lines where the scores are, and words for those who hear it."""

import base64
import re
from dataclasses import dataclass
from xml.etree import ElementTree

from app.components.sparkline import COLOR, drawing, sparkline


@dataclass(frozen=True)
class Scored:
    """Scores of one run."""

    epochs: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()
    best_epoch: int | None = None
    best: float | None = None


def points(svg: str) -> list[list[tuple[float, float]]]:
    lines = re.findall(r'<polyline points="([^"]*)"', svg)
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())] for line in lines]


def test_a_line_runs_from_the_untrained_network_to_where_training_has_come() -> None:
    # 150 x 40 pixels, 4 of margin: x = 4 + 142 * epoch / 4; y = 36 for the lowest score, 4 for the highest.
    curve = Scored((0, 1, 2), (0.2, 0.6, 1.0), 2, 1.0)
    svg = drawing([curve], [()], 4, "#123456", curve)
    assert points(svg) == [[(4, 36), (39.5, 20), (75, 4)]]
    assert '<circle cx="75.0" cy="4.0" r="2.6" fill="#123456"' in svg


def test_every_run_has_its_line_and_its_dash() -> None:
    curves = [Scored((0, 1), (0.2, 0.6), 1, 0.6), Scored((0, 1), (0.2, 0.4), 1, 0.4)]
    svg = drawing(curves, [(), (8, 4)], 1, "red", curves[1])
    assert len(points(svg)) == 2
    assert svg.count("stroke-dasharray") == 1
    assert 'stroke-dasharray="4.0 2.0"' in svg
    assert svg.count("<circle") == 1


def test_noise_of_a_flat_curve_stays_small() -> None:
    ((_, first), (_, second)) = points(drawing([Scored((0, 1), (0.8, 0.801), 1, 0.801)], [()], 1, "red", None))[0]
    assert abs(first - second) < 1  # 32 pixels stand for 0.05 at least: 0.001 is 0.6


def test_one_score_is_a_dot_and_none_is_nothing() -> None:
    assert drawing([Scored((0,), (0.5,))], [()], 4, "red", None).count("<circle") == 1
    empty = drawing([Scored()], [()], 4, "red", None)
    assert list(ElementTree.fromstring(empty)) == []


def test_it_is_said_in_words_whatever_a_name_holds() -> None:
    image = sparkline([], [], 0, 'a <b> & "c"', "dark", best=None)
    assert 'alt="a &lt;b&gt; &amp; &quot;c&quot;"' in image
    picture = base64.b64decode(re.search('base64,([^"]*)', image)[1]).decode()
    assert picture == drawing([], [], 0, COLOR.dark, None)
