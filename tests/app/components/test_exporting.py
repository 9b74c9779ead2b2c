"""What is taken away of a comparison."""

import pandas as pd

from app.components.exporting import Report, csv, file_name, pieces


def test_a_title_becomes_a_plain_file_name() -> None:
    assert file_name("Weights · MAD (2)") == "weights-mad-2"


def test_an_index_with_a_name_is_a_column_and_another_is_left_out() -> None:
    table = pd.DataFrame({"value": [1.5]}, index=pd.Index(["data.limit"], name="field"))
    assert csv(table) == "field,value\ndata.limit,1.5\n"
    assert csv(pd.DataFrame({"value": [1.5]})) == "value\n1.5\n"


def test_the_page_has_what_is_said_first_and_then_the_charts() -> None:
    figure = object()
    report = Report(
        *({}, {"Weights": figure}, {"Results": "<table></table>"}, {}, lambda *_: "", lambda *_: b""),
        annex={"Notes": "<p>n</p>"},
    )
    said = ["<h2>Results</h2>", "<table></table>", "<h2>Charts</h2>", figure, "<h2>Notes</h2>", "<p>n</p>"]
    assert pieces(report) == said


def test_no_text_is_a_formula_to_a_spreadsheet() -> None:
    table = pd.DataFrame(
        {"=1+1": ["@cmd", "plain", "-x"], "value": [-1.5, 2, 3]}, index=pd.Index(["+a", "b", "c"], name="f")
    )
    assert csv(table) == "f,'=1+1,value\n'+a,'@cmd,-1.5\nb,plain,2.0\nc,'-x,3.0\n"
