"""How others come to a shared dashboard, readable from the last row: address and QR code."""

import html
from urllib.parse import urlsplit

import segno
import streamlit as st


def invitation(address: str, steps: int | None) -> None:
    """Address and QR code, and what visitors may do.

    Args:
        address: What they open.
        steps: How many steps a race of theirs may take; None where they train nothing.
    """
    may = "Watch every race as it trains, inspect predictions, replay other methods, have weights explained."
    train = "" if steps is None else f" Train a race of your own, of up to {steps:,} steps."
    st.html(
        f'<div class="join"><img class="code" src="{_code(address)}" alt="QR code of {html.escape(address)}">'
        '<div class="words"><h1>Watch along</h1><p>Join the network of this room, then scan or open</p>'
        f'<p class="address">{_in_parts(address)}</p><p class="may">{may}{train}</p></div></div>'
    )


def _code(address: str) -> str:
    """A picture's source: dark on light in either mode, with the quiet zone that cameras need."""
    return str(segno.make_qr(address, error="m").svg_data_uri(scale=12, border=4, dark="#000", light="#fff"))


def _in_parts(address: str) -> str:
    """The address, to be broken at its port alone."""
    parts = urlsplit(address)
    host = html.escape(parts.netloc.removesuffix(f":{parts.port}"))
    return f"<span>{parts.scheme}://{host}</span><wbr><span>:{parts.port}</span>"
