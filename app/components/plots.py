"""What plotly's own bar of a chart offers: to save it as SVG, and none of its advertisement."""

from typing import Any


def saved_as(name: str) -> dict[str, Any]:
    """Configuration of ``st.plotly_chart``: the chart is saved as ``NAME.svg``."""
    return {"displaylogo": False, "toImageButtonOptions": {"format": "svg", "filename": name}}
