"""Tags of single images: read for the runs that look at them, and kept for all that do."""

from collections.abc import Sequence
from functools import partial

import pandas as pd

from app.access.reading import store
from app.views import CaseTags, InspectedRun
from app.visitors import owner_only
from dmf.errors import DMFError
from dmf.image_sets import image_set


def _images_of(run: InspectedRun) -> str:
    return image_set(run.experiment.config, run.experiment.id)


@owner_only
def tag_case(images: str, case: str, tags: Sequence[str]) -> str:
    """Give an image these tags in place of those that it has; returns what is wrong with them, empty if nothing."""
    try:
        store().tag_case(images, case, tags)
    except DMFError as error:
        return str(error)
    return ""


def tags_of_case(runs: Sequence[InspectedRun], table: pd.DataFrame, case: str) -> CaseTags:
    """What was said of an image.

    Args:
        runs: Who looks at it.
        table: As :func:`with_tags` gives it, with a row of the image at least.
        case: Its name.
    """
    by_id = {run.id: run for run in runs}
    images = _images_of(by_id[table[table["case"] == case]["run"].iloc[0]])

    known = store().case_tags(images)
    in_use = sorted({tag for tags in known.values() for tag in tags}, key=str.casefold)
    return CaseTags(case, images, known.get(case, ()), tuple(in_use), partial(tag_case, images, case))


def with_tags(table: pd.DataFrame, runs: Sequence[InspectedRun]) -> pd.DataFrame:
    """A table of cases with a column ``tags``, each a tuple.

    Args:
        table: One row per run and case: run and case.
        runs: Whose rows they are.

    Raises:
        StoreError: If the store cannot be read.
    """
    known = {run.id: store().case_tags(_images_of(run)) for run in runs}
    tags = [known[run].get(case, ()) for run, case in zip(table["run"], table["case"], strict=True)]
    return table.assign(tags=pd.Series(tags, index=table.index, dtype=object))


def tagged_images(runs: Sequence[InspectedRun]) -> pd.DataFrame:
    """All tagged images that runs look at: columns Image and Tags."""
    rows = [
        (case, ", ".join(tags))
        for images in dict.fromkeys(map(_images_of, runs))
        for case, tags in store().case_tags(images).items()
    ]
    return pd.DataFrame(rows, columns=["Image", "Tags"])
