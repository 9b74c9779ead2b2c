import math

from dmf.records import Event


def test_values_that_are_not_finite_survive_as_json(store, run):
    store.write([Event(run, 0, "note", {"loss": float("nan"), "bound": float("-inf"), "text": "γ₀ → 1"})], "me")

    (event,) = store.events([run])

    assert math.isnan(event.data["loss"])
    assert event.data["bound"] == -math.inf
    assert event.data["text"] == "γ₀ → 1"


def test_a_wish_without_a_value_is_none(store, run):
    store.add_command(run, "pause")
    assert store.pending_commands([run])[0].value is None
