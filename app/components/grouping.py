"""Which runs are taken together, and which of them the others are held against."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from app.components.comparison_tables import field_title, group_name
from app.views import Band, BandSpread, Over

Curve = tuple[np.ndarray, np.ndarray]

SPREADS: dict[str, BandSpread] = {"95 % interval": "interval", "Standard deviation": "sd", "Min to max": "min-max"}


@dataclass(frozen=True)
class Groups:
    """Runs taken together.

    Attributes:
        members: Name of each group to ids of its runs.
        band: Takes curves (x, y) of a group's runs, and what their values lie between; gives an object with x, mean,
            low and high.
    """

    members: Mapping[str, Sequence[str]]
    band: Callable[[Sequence[Curve], tuple[float, float]], Band]


def grouping(
    titles: Mapping[str, str],
    fields: Sequence[str],
    groups_of: Callable[[list[str]], Mapping[tuple[Any, ...], Sequence[str]]],
    band_of: Callable[[Sequence[Curve], BandSpread, tuple[float, float]], Band],
    repeats: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, tuple[str, ...]], Groups | None]:
    """Choose settings to group by; gives ids of runs by name of their group, and how groups are drawn (None: by run).

    Args:
        titles: Run id to its title.
        fields: Settings of the runs, as ``section.field``.
        groups_of: Settings to values and the ids of the runs that share them.
        band_of: Takes curves, one of ``SPREADS`` and what the values lie between; gives their band.
        repeats: Name to ids of the runs that differ in nothing but the seed, which are taken together where nothing
            else is chosen; empty where there are none.
    """
    with st.container(key="grouping", horizontal=True, vertical_alignment="bottom", gap="medium"):
        by = st.multiselect(
            "Group by",
            fields,
            key="by",
            format_func=lambda field: f"{field_title(field)} ({field})",
            placeholder="Nothing else",
            help="Runs with the same values are taken together: a mean line in its band, one line of the results.",
            width=460,
            bind="query-params",
        )
        together = bool(
            repeats
            and not by
            and st.toggle(
                "Seeds together",
                value=True,
                key="repeats",
                help="Runs that differ in nothing but the seed are repeats of one another: a mean line in its band.",
                bind="query-params",
            )
        )
        if not by and not together:
            return {title: (id,) for id, title in titles.items()}, None
        spread = st.segmented_control(
            "Band",
            list(SPREADS),
            default="95 % interval",
            required=True,
            key="band",
            help="How far the runs of a group spread, or where their mean may well lie (95 %).",
            bind="query-params",
        )
    members = {group_name(by, values): tuple(ids) for values, ids in groups_of(by).items()} if by else {**repeats}
    return members, Groups(members, lambda curves, limits: band_of(curves, SPREADS[spread], limits))


def baseline(members: Sequence[str]) -> tuple[str, Over]:
    """Choose the baseline, and what is tested where there are several seeds: ``seeds`` or ``bootstrap``."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.selectbox(
            "Baseline",
            members,
            key="baseline",
            help="What the others are held against.",
            width=320,
            bind="query-params",
        )
        over = st.toggle(
            "Bootstrap over seeds and images",
            key="bootstrap",
            help="Instead of a paired t-test over seeds; it also counts how much the images differ.",
            bind="query-params",
        )
    return name, "bootstrap" if over else "seeds"
