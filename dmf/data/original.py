"""One case at its original size, read without preparing the dataset that it is from."""

from dataclasses import dataclass

from dmf.data.base import Case, Dataset, Pixels
from dmf.data.pairs import UNLABELLED
from dmf.errors import DataError

MOST_LISTS = 8  # of cases, kept so that going through the images of a run lists its folders once
_lists: dict[str, dict[str, Case]] = {}


@dataclass(frozen=True, eq=False)
class Original:
    """A case as it lies in the dataset.

    Attributes:
        image: (H, W) or (H, W, 3) uint8, or of the ``pixel_type`` of the dataset.
        truth: (H, W) uint8 class numbers; of a dataset whose targets are images, that image.
        spacing: Height and width of a pixel in mm; None where nobody knows.
        label: What the image shows, e.g. malignant; None where the dataset does not say.
    """

    image: Pixels
    truth: Pixels
    spacing: tuple[float, float] | None
    label: str | None


def read_original(dataset: Dataset, case: str) -> Original:
    """Read or make one case.

    Raises:
        DataError: If the dataset is not on this machine, has no such case, or its files cannot be used.
    """
    case_listed = _listed(dataset).get(case) or _listed(dataset, anew=True).get(case)
    if case_listed is None:
        place = f" in {dataset.root}" if dataset.needs_download else ""
        raise DataError(f"Dataset {dataset.name!r} has no case {case!r}{place}; its files were changed or removed.")
    pair = dataset.load(case_listed)
    return Original(pair.image, pair.mask, pair.spacing or dataset.spacing, _label(case_listed))


def read_labels(dataset: Dataset) -> dict[str, str]:
    """What the image of each case shows, by its id; only cases of which the dataset says it.

    Raises:
        DataError: If the dataset is not on this machine.
    """
    return {id: label for id, case in _listed(dataset).items() if (label := _label(case)) is not None}


def _label(case: Case) -> str | None:
    return None if case.label == UNLABELLED else case.label


def _listed(dataset: Dataset, *, anew: bool = False) -> dict[str, Case]:
    key = repr((dataset.name, str(dataset.root.absolute()), dataset.seed, sorted(dataset.options.items())))
    if anew or key not in _lists:
        cases = {case.id: case for case in dataset.cases()}
        while len(_lists) >= MOST_LISTS:
            _lists.pop(next(iter(_lists)), None)
        _lists[key] = cases
    return _lists[key]
