"""What happens to an image before the network sees it, with the settings to try."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.charts.overlay import encode
from app.charts.picture_lines import intensity_histogram
from app.components.datasets.pictures import figure, row
from app.components.page_style import mode
from app.components.plots import saved_as
from app.theme import AUXILIARY_COLOR, SHADES
from dmf.config import DataConfig
from dmf.errors import DMFError

COLORS = {
    "as it is": AUXILIARY_COLOR,
    "after the filter": SHADES[1],
    "as the network sees it": SHADES[0],
}


@st.fragment
def preview(
    cases: Sequence[str],
    preprocessed: Callable[[str, Mapping[str, Any]], Any],
    use: Callable[[Mapping[str, Any]], None],
    *,
    can_filter: bool = True,
) -> None:
    """One image before and after, its intensities, and a button that carries the settings on.

    Args:
        cases: Names to choose from.
        preprocessed: Gives the pictures of a case under settings.
        use: Called with the settings.
        can_filter: Whether the bilateral filter takes such images.
    """
    left, right = st.columns([1, 2.4], gap="large")
    with left:
        case = st.selectbox("Image", cases, key="preview-case", help="Any image of the dataset.")
        settings = _settings(can_filter=can_filter)
    try:
        shown = preprocessed(case, settings)
    except DMFError as error:
        right.error(str(error), icon=":material/error:")
        return
    with right:
        size = f"{shown.original.shape[1]} × {shown.original.shape[0]} px"
        side = settings["image_size"]
        figures = [figure(encode(shown.original), f"{case} as it is", f"as it is, {size}")]
        if settings["filter"]:
            figures.append(figure(encode(shown.filtered), f"{case} after the filter", f"after the filter, {size}"))
        seen = f"as the network sees it, {side} × {side} px"
        figures.append(figure(encode(shown.resized), f"{case} {seen}", seen))
        with st.container(key="preview-pictures"):
            st.html(row(figures))
        st.markdown("##### Intensities", help="How many of the pixels are how bright.")
        colors = {name: color.of(mode()) for name, color in COLORS.items()}
        figure_ = intensity_histogram(shown.histogram, colors)
        st.plotly_chart(figure_, key="intensities", config=saved_as("intensities"), alt="Intensities of the image")
    with left:
        if st.button(
            "Use in Train",
            key="use-preview",
            type="primary",
            icon=":material/model_training:",
            help="Opens the form of the page Train with this dataset and these settings.",
        ):
            use(settings)


def _settings(*, can_filter: bool) -> dict[str, Any]:
    """Values of the fields that prepare images."""
    fields = DataConfig.model_fields
    settings: dict[str, Any] = {}
    settings["filter"] = can_filter and st.toggle(
        "Bilateral filter", value=True, key="preview-filter", help=fields["filter"].description
    )
    if not can_filter:
        st.caption("The bilateral filter takes images of 8 bits; these have more.")
    if settings["filter"]:
        settings["filter_diameter"] = st.slider(
            "Filter diameter (px)", 1, 31, 9, key="preview-diameter", help=fields["filter_diameter"].description
        )
        settings["filter_sigma_space"] = st.slider(
            "Filter sigma, space (px)",
            *(1.0, 150.0, 75.0, 1.0),
            key="preview-sigma-space",
            help=fields["filter_sigma_space"].description,
        )
        settings["filter_sigma_intensity"] = st.slider(
            "Filter sigma, intensity (grey levels)",
            *(1.0, 150.0, 75.0, 1.0),
            key="preview-sigma-intensity",
            help=fields["filter_sigma_intensity"].description,
        )
    settings["image_size"] = st.select_slider(
        "Image size (px)",
        (32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 512),
        128,
        key="preview-size",
        help=fields["image_size"].description,
    )
    settings["fit"] = st.radio(
        "Fit", ("stretch", "pad"), key="preview-fit", horizontal=True, help=fields["fit"].description
    )
    return settings
