"""Masks that were predicted elsewhere become runs."""

from app.access.reading import store
from app.visitors import owner_only


@owner_only
def bring_predictions(folder: str, name: str) -> list[str]:
    """Open predictions made elsewhere, read in place; returns the ids of their runs.

    Raises:
        DataError: If the folder is not laid out as it should be; says how.
    """
    from dmf.importing import import_predictions

    here = store()
    return [run.id for run in here.experiment(import_predictions(here, folder, name or None)).runs]
