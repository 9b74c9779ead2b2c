"""A trained network looks at pictures."""

from typing import TYPE_CHECKING

import streamlit as st

from app.access.inspecting import stamp_of
from app.access.pixels import plain, window_of
from app.access.reading import store
from app.views import InspectedRun, Window
from app.visitors import owner_only
from dmf.data.base import RawPair
from dmf.data.decode import Picture, decode
from dmf.data.files import as_rgb
from dmf.data.headers import read_header
from dmf.errors import DataError
from dmf.probabilities import Pixels

if TYPE_CHECKING:
    from dmf.data.original import Original
    from dmf.trained import Made, Trained

LEAST_SIDE, MOST_PIXELS = 8, 40_000_000  # of a picture of someone's own


@owner_only
def try_network(run: InspectedRun, content: bytes) -> tuple[Pixels, Pixels, Window | None]:
    """What the best network of a run predicts for a picture of someone's own, read as the images of its training were.

    Args:
        run: Which run.
        content: A file of any format that datasets may hold.

    Returns:
        The picture (H, W) or (H, W, 3), the probabilities (C-1, S, S) and where the picture lies within them.

    Raises:
        DataError: If it is no such picture, or too small or too large.
        CheckpointError: If the network is not here any more.
    """
    picture = _picture(content)
    trained = _trained(run, run.id, stamp_of([run]))
    maps = trained.predict(trained.read(picture))
    image = plain(as_rgb(picture, trained.dataset.scale).pixels)
    return image, maps, window_of((image.shape[0], image.shape[1]), (maps.shape[1], maps.shape[2]), run.fit)


def network_sees(run: InspectedRun, image: Pixels) -> Pixels:
    """255 times the probabilities (C-1, S, S) that the best network of a run gives an image (H, W) or (H, W, 3).

    Raises:
        CheckpointError: If the network is not here (any more).
        ConfigError: If this program cannot build it.
    """
    return _trained(run, run.id, stamp_of([run])).predict(image)


def network_makes(run: InspectedRun, original: "Original") -> "Made":
    """What the best network of a run makes of an image.

    Raises:
        CheckpointError: If the network is not here (any more).
        ConfigError: If this program cannot build it.
    """
    return _trained(run, run.id, stamp_of([run])).make(RawPair(original.image, original.truth))


@st.cache_resource(max_entries=8, show_spinner="Loading the network…")
def _trained(_run: InspectedRun, id: str, stamp: tuple[object, ...]) -> "Trained":
    from dmf.trained import load_trained

    return load_trained(store(), id)


def _picture(content: bytes) -> Picture:
    expected = "Choose a PNG, JPEG, TIFF, BMP or GIF file that a picture viewer opens."
    header = read_header(content)
    if header is None:
        raise DataError(f"This file is no picture that is read here, or it is cut off. {expected}")
    height, width = header.size
    if height * width > MOST_PIXELS:
        raise DataError(
            f"This picture has {height * width / 1e6:.0f} million pixels, at most {MOST_PIXELS // 10**6} million "
            "are read. Make it smaller first."
        )
    if min(height, width) < LEAST_SIDE:
        raise DataError(f"This picture is only {width} × {height} pixels. {expected}")
    if len(header.pages) > 1:
        raise DataError(f"This file holds {len(header.pages)} pictures. Save the one you want as a file of its own.")
    return decode(content, "This picture")
