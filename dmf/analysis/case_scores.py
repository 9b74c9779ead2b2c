"""Which scores of single images a run is looked at by."""

from dmf.records import CaseScores
from dmf.runs import RunStore


def scores_to_look_at(store: RunStore, run: str, split: str) -> CaseScores | None:
    """The scores of a run on a split that are to be looked at.

    Those of the epoch that was tested; of another split the latest where the run was not tested yet. None without any.
    """
    stored = store.case_scores(run, split)
    if split != "test":
        tested = store.case_scores(run, "test")
        of_tested = [scores for scores in stored if tested and scores.epoch == tested[-1].epoch]
        stored = of_tested or stored
    return stored[-1] if stored else None
