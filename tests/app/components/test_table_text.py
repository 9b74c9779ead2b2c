"""Tables for a paper or a note; what is in them stays text."""

import pandas as pd

from app.components.table_text import latex, markdown

TABLE = pd.DataFrame(
    {"dice_|mean|": [0.8123456789, float("nan"), 3.0], "what": ["a & b_1", "50 % <b>\\x</b>", "γ₀ {^~#$}"]},
    index=pd.Index(["MAD", "cov*", None], name="run"),
)


def test_latex_escapes_what_means_something_to_it() -> None:
    assert latex(TABLE) == (
        "\\begin{tabular}{lrl}\n\\toprule\nrun & dice\\_|mean| & what \\\\\n\\midrule\n"
        "MAD & 0.812346 & a \\& b\\_1 \\\\\n"
        "cov* & -- & 50 \\% \\textless{}b\\textgreater{}\\textbackslash{}x\\textless{}/b\\textgreater{} \\\\\n"
        "-- & 3 & $\\gamma$$_0$ \\{\\textasciicircum{}\\textasciitilde{}\\#\\$\\} \\\\\n"
        "\\bottomrule\n\\end{tabular}\n"
    )


def test_markdown_escapes_what_means_something_to_it() -> None:
    assert markdown(TABLE) == (
        "| run | dice\\_\\|mean\\| | what |\n| --- | ---: | --- |\n"
        "| MAD | 0.812346 | a & b\\_1 |\n"
        "| cov\\* | – | 50 % &lt;b&gt;\\\\x&lt;/b&gt; |\n"
        "| – | 3 | γ₀ {^~#$} |\n"
    )


def test_an_index_without_a_name_is_left_out_and_lists_are_told() -> None:
    assert markdown(pd.DataFrame({"sizes": [(64, 128)]})) == "| sizes |\n| --- |\n| 64, 128 |\n"
