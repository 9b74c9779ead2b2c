"""Words of the queue."""

from types import SimpleNamespace

from app.components.queue import is_in_line, progress


def experiment(id: str = "e-1", step: int = -1, epoch: int = 0, **training: int) -> SimpleNamespace:
    run = SimpleNamespace(summary={"step": step, "epoch": epoch})
    return SimpleNamespace(id=id, config={"training": training}, runs=(run,))


def entry(id: str, owner: str = "this dashboard", device: str = "cpu", *, is_queued: bool = True) -> SimpleNamespace:
    return SimpleNamespace(experiment=experiment(id), owner=owner, device=device, is_queued=is_queued)


def test_progress_counts_epochs_once_it_has_begun() -> None:
    assert progress(experiment(epochs=20)) == ""
    assert progress(experiment(step=7, epochs=20)) == "epoch 0 of 20"
    assert progress(experiment(step=7000, epoch=1234, epochs=2000)) == "epoch 1,234 of 2,000"
    assert progress(experiment(step=7)) == ""


def test_one_waits_in_line_only_for_what_trains_with_the_same_owner_on_the_same_device() -> None:
    own = entry("own")
    assert is_in_line([entry("other", is_queued=False), own], "own")
    assert not is_in_line([entry("other", "another dashboard", is_queued=False), own], "own")
    assert not is_in_line([entry("other", device="cuda", is_queued=False), own], "own")
    assert not is_in_line([entry("other"), own], "own")
    assert not is_in_line([entry("own", is_queued=False)], "own")
    assert not is_in_line([], "own")
