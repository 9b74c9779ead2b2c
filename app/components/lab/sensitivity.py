"""What one parameter does: the weights of a loss over steps and values of it."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from app.charts.lab_heat import heat_map
from app.components.fields import in_labels, label, named
from app.components.lab.parameters import numeric, slider_of
from app.components.page_style import mode, sentence_of
from app.components.plots import saved_as
from app.theme import TEXT
from app.views import History
from dmf.config import FusionConfig
from dmf.config_text import field_info
from dmf.errors import DMFError

VALUES = 12
FIRST = ("history_max", "window", "temperature", "beta", "cov_decay", "mu", "rho")  # the most telling of a method
_ROW, _PARAMETER, _LOSS, _COUNT = (f"lab-sweep-{name}" for name in ("row", "parameter", "loss", "count"))


def sensitivity(
    history: History,
    titles: Mapping[int, str],
    configs: Mapping[int, FusionConfig],
    methods: Mapping[str, Any],
    library: Any,
) -> None:
    """Choose a method, one of its parameters and a range of values; see the weights over steps and values.

    Args:
        history: The losses, with what was changed in them.
        titles: Row to what its method is called.
        configs: Row to its settings.
        methods: Name of a method to what concerns it.
        library: What computes: ``swept``.
    """
    rows = [row for row, config in configs.items() if varied(methods[config.weighting.name].options)]
    if not rows:
        st.caption("None of these methods has a parameter that is a number.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="lab-sweep", gap="small"):
        row = _choice("Method", rows, titles.__getitem__, _ROW, "The method whose parameter is varied.")
        config = configs[row]
        offered = sorted(
            varied(methods[config.weighting.name].options),
            key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST),
        )
        parameter = _choice(
            *("Parameter", offered, label, _PARAMETER, "What is varied; all else stays as its sliders say."),
            width=260,
        )
        loss = _choice("Weight of", list(history.names), named, _LOSS, "The loss whose weight is shown as colour.")
        low, high = _range(parameter, config)
        key = f"lab-sweep-{parameter}"
        first = st.number_input("From", value=low, format="%g", key=f"{key}-from", width=125, help="The least value.")
        last = st.number_input("To", value=high, format="%g", key=f"{key}-to", width=125, help="The greatest value.")
        count = st.slider(
            "Values", 3, 32, VALUES, key=_COUNT, width=120, help="How many values are tried in this range."
        )
    st.caption(field_info(FusionConfig, parameter).description or "")
    values = spread(first, last, count, parameter)
    if len(values) < 2:
        st.caption("Choose a range: “To” must be above “From”.")
        return
    try:
        sensitivities, skipped = _computed(history, config, parameter, values, library)
    except DMFError as error:
        st.error(f"{sentence_of(in_labels(str(error)))} Narrow the range.", icon=":material/error:")
        return
    now = getattr(config, parameter)
    figure = heat_map(
        sensitivities.steps + history.first + skipped,
        values,
        sensitivities.weights[:, :, history.names.index(loss)],
        parameter=label(parameter),
        loss=named(loss),
        now=None if now is None else float(now),
        text=TEXT.of(mode()),
    )
    st.plotly_chart(figure, key="lab-heat", theme=None, config=saved_as("sensitivity"))
    parts = [
        "Each row is a replay of the whole history with another value; the dashed line is where the slider stands."
    ]
    if sensitivities.per_column > 1:
        parts.append(f"Each column is the mean of {sensitivities.per_column} steps.")
    if skipped:
        parts.append(f"Only the last {len(history.losses) - skipped:,} steps are replayed, to keep this quick.")
    st.caption(" ".join(parts))


def varied(options: Sequence[str]) -> list[str]:
    """Those of a method's settings that can be varied; of a memory that only has to be as long as a window, not."""
    return [name for name in numeric(options) if name != "history_max" or "window" not in options]


def spread(first: float | None, last: float | None, count: int, parameter: str) -> list[float]:
    """Values from ``first`` to ``last``, at equal distances, or equal ratios where the slider has powers of ten.

    Those in between have three digits, so that they can be read.
    """
    if first is None or last is None or not first < last:
        return []
    about = slider_of(parameter) or {}
    is_log = about.get("log") and first > 0
    values = np.geomspace(first, last, count) if is_log else np.linspace(first, last, count)
    if about.get("integer"):
        return [int(value) for value in np.unique([float(f"{value:.3g}") for value in np.rint(values)])]
    between = [float(f"{value:.3g}") for value in values[1:-1]]
    return [first, *(value for value in dict.fromkeys(between) if first < value < last), last]


def _computed(history: History, config: FusionConfig, parameter: str, values: list[float], library: Any) -> Any:
    """The sweep, with a bar if it takes longer than a second."""
    started, place = time.monotonic(), st.empty()

    def progress(share: float) -> None:
        if time.monotonic() - started > 1 and share < 1:
            place.progress(share, "Replaying…")

    computed = library.swept(history, config, parameter, values, progress)
    place.empty()
    return computed


def _range(parameter: str, config: FusionConfig) -> tuple[float, float]:
    """Ends that can work with the other settings."""
    about = slider_of(parameter) or {}
    low, high = float(about["low"]), float(about["high"])
    settings = config.flat()
    total = 1.0 if settings["sum_to"] == "1" else float(len(config.terms))
    match parameter:
        case "history_min" | "window":
            high = min(high, config.history_max)
        case "history_max":
            low = max(low, settings["history_min"])
        case "weight_min":
            high = total / len(config.terms)
        case "weight_max":
            low, high = total / len(config.terms), total
    return low, high


def _choice(title: str, options: list[Any], say: Any, key: str, help: str, *, width: int = 150) -> Any:
    if st.session_state.get(key) not in options:
        st.session_state[key] = options[0]
    return st.selectbox(title, options, format_func=say, key=key, width=width, help=help)
