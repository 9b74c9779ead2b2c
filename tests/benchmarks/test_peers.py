"""What is recorded of others, and how their sides are measured; they themselves are run by `make bench-peers`."""

import struct
from collections.abc import Callable
from datetime import date
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]


def test_every_peer_was_measured_with_date_machine_and_version(benchmark_module: Load) -> None:
    recorded = benchmark_module("peers").recorded()
    assert date.fromisoformat(recorded["date"]).year >= 2026
    assert "cores" in recorded["machine"]
    for peer in benchmark_module("peer_sides").PEERS:
        assert recorded[peer]["version"]


def test_figures_are_quoted_with_when_they_were_measured(benchmark_module: Load) -> None:
    peers = benchmark_module("peers")
    assert peers.quoted("tensorboard", "steps") == 1_000_000
    assert peers.quoted("tensorboard", "reopen") > 0
    assert peers.source() == f"recorded {peers.recorded()['date']}"


def test_pacing_counts_only_what_is_spent_in_the_call(benchmark_module: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that only a call moves, by 2 ms: 0.002 s per step, whatever the sleeps do.
    sides, now = benchmark_module("peer_sides"), [0.0]
    monkeypatch.setattr(sides.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(sides.time, "sleep", lambda _: None)

    def log(_step: int) -> None:
        now[0] += 0.002

    assert sides.paced(log, steps=5) == pytest.approx(0.002)


def test_a_record_is_framed_by_its_length_and_two_checksums(
    benchmark_module: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = benchmark_module("peer_sides")
    monkeypatch.setattr(sides, "masked_checksum", lambda content: b"sum" + bytes([len(content)]))
    assert sides.framed(b"abc") == struct.pack("<Q", 3) + b"sum\x08" + b"abc" + b"sum\x03"
