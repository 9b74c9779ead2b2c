"""Tables as text for a paper or a note: LaTeX with booktabs, and Markdown."""

import math
from collections.abc import Sequence

import pandas as pd

_LATEX = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"},
        **{
            "<": r"\textless{}",
            ">": r"\textgreater{}",
            "γ": r"$\gamma$",
            "₀": r"$_0$",
            "ρ": r"$\rho$",
            "ε": r"$\epsilon$",
        },
        **{"±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "−": "--", "–": "--", "…": r"\dots{}"},
    }
)
_MARKDOWN = str.maketrans(
    {**{sign: f"\\{sign}" for sign in "\\|*_`[]"}, "<": "&lt;", ">": "&gt;", "\n": " ", "\r": " "}
)


def latex(table: pd.DataFrame) -> str:
    r"""A ``tabular`` with rules of the package booktabs; whatever is in a text stands there as text."""
    heads, rows, numeric = _cells(table)
    columns = "".join("r" if is_number else "l" for is_number in numeric)
    lines = [" & ".join(cell.translate(_LATEX).replace("\n", " ") for cell in row) + r" \\" for row in (heads, *rows)]
    head, *body = lines
    start, end = rf"\begin{{tabular}}{{{columns}}}", r"\end{tabular}"
    return "\n".join([start, r"\toprule", head, r"\midrule", *body, r"\bottomrule", end, ""])


def markdown(table: pd.DataFrame) -> str:
    """A table as GitHub and most others read it; whatever is in a text stands there as text."""
    heads, rows, numeric = _cells(table)
    rule = ["---:" if is_number else "---" for is_number in numeric]
    escaped = [[cell.translate(_MARKDOWN) for cell in row] for row in (heads, *rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (escaped[0], rule, *escaped[1:]))


def _cells(table: pd.DataFrame) -> tuple[list[str], list[list[str]], list[bool]]:
    """Heads, rows and which columns hold numbers; an index with a name is the first column."""
    whole = table.reset_index() if table.index.name is not None else table
    numeric = [pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) for kind in whole.dtypes]
    return list(map(str, whole.columns)), [list(map(_text, row)) for row in whole.to_numpy(object)], numeric


def _text(value: object) -> str:
    """A number with six digits at most, a dash where there is nothing."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
