"""The table says what the methods do today."""

from dataclasses import asdict
from pathlib import Path

import pytest

from dmf.methods import table
from dmf.methods.probes import probe
from dmf.methods.table import EVENTS, in_markdown, main, measure, methods_table
from dmf.plugins import load_plugin
from dmf.weighting import WEIGHTINGS

PAGE = Path(__file__).parents[3] / "docs" / "methods-table.md"
OFTEN_RUN = [name for name in WEIGHTINGS if not WEIGHTINGS[name].host_sync]  # the solvers of the others take long


def test_every_method_has_a_line_and_a_paper():
    methods = methods_table().methods
    assert [method.name for method in methods] == list(WEIGHTINGS)
    papers = [method.about.paper for method in methods if method.name != "fixed"]
    assert all(paper and paper.url.startswith("https://") and paper.where and paper.title for paper in papers)
    assert all(method.cost > 0 and vars(WEIGHTINGS[method.name])["looks_at"] for method in methods)


@pytest.mark.parametrize("name", [*OFTEN_RUN, "upgrad"])
def test_what_the_table_says_of_a_method_is_what_it_does(name):
    kept = next(method.probes for method in methods_table().methods if method.name == name)
    found = probe(name)
    assert (kept.numbers, kept.remembered, kept.passes) == (found.numbers, found.remembered, found.passes)
    for event in EVENTS:
        was, now = getattr(kept, event), getattr(found, event)
        # Another processor or torch may move the last digits, and with them a step at which a threshold is crossed.
        assert (now.usual, now.got) == pytest.approx((was.usual, was.got), abs=0.02), (event, was, now)
        assert (now.back is None) == (was.back is None), (event, was, now)


def test_the_page_of_the_docs_is_the_table():
    assert PAGE.read_text(encoding="utf-8") == in_markdown(methods_table()), "run `make methods`"


def test_a_method_of_a_plugin_gets_a_line(plugin):
    load_plugin(plugin())
    line = methods_table().methods[-1]
    assert line.name == "height"
    assert line.about.looks_at == "Weights each loss by where its newest value lies in its recent range."
    assert line.keeps == "3 numbers, 100 values of each loss"
    assert line.spent.endswith(" µs")


def test_a_method_that_cannot_be_run_is_left_out(plugin):
    broken = "\n\nclass Broken(HeightWeighting):\n    def statistic(self, scaled, filled):\n        return None\n"
    load_plugin(plugin(plugin().read_text() + broken + "\n\nWEIGHTINGS['broken'] = Broken\n"))
    assert [method.name for method in methods_table().methods][-1] == "height"


def test_the_table_is_made_by_running_every_method(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(table, "WEIGHTINGS", {name: WEIGHTINGS[name] for name in ("fixed", "random")})
    monkeypatch.setattr(table, "FILE", tmp_path / "table.json")
    made = measure()
    assert list(made["methods"]) == ["fixed", "random"]
    assert made["methods"]["fixed"]["probes"] == asdict(probe("fixed"))
    assert "torch" in made["machine"]
    main([str(tmp_path / "page.md")])
    assert "| `random` |" in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "page.md" in capsys.readouterr().out
