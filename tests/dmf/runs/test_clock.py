"""Times in a store are by the clock of where it lies, whatever the clocks of those say that write and read."""

import subprocess
import sys
import time

import numpy as np
import pytest

from dmf.analysis.listing import run_table
from dmf.analysis.overview import overview
from dmf.records import Event, RunState, StateChange, TelemetryBlock
from dmf.runs import RunStore
from dmf.runs.clock import FILE_SECONDS, MEASURED_SECONDS, SLOW_SECONDS, StoreClock, file_clock

HOUR = 3600.0
TWO_STEPS = np.array([[1.0], [2.0]], np.float32)


def off_by(seconds):
    return lambda: time.time() + seconds


def test_the_difference_is_measured_once_a_minute_and_whenever_this_clock_jumps():
    now, slept, asked = [1000.0], [0.0], []

    def difference(wall):
        asked.append(wall())
        return 100.0 - len(asked)

    clock = StoreClock(difference, lambda: now[0] + slept[0], lambda: now[0])
    assert [clock(), clock()] == [1099.0, 1099.0]
    now[0] += MEASURED_SECONDS - 1
    assert clock() == now[0] + 99
    now[0] += 1
    assert clock() == now[0] + 98
    slept[0] = 7.0  # a laptop that woke up: its clock of passing time stood still
    assert clock() == now[0] + 7 + 97
    slept[0] = -HOUR  # set back
    assert clock() == now[0] - HOUR + 96
    assert asked == [1000.0, 1060.0, 1067.0, 1060.0 - HOUR]


def test_what_cannot_be_measured_now_is_as_it_was_and_asked_again():
    now, told = [0.0], [None, 5.0, None, 9.0]
    clock = StoreClock(lambda wall: told.pop(0), lambda: now[0], lambda: now[0])
    assert [clock(), clock(), clock()] == [0.0, 5.0, 5.0]
    now[0] = MEASURED_SECONDS
    assert clock() == now[0] + 5
    assert clock() == now[0] + 9


@pytest.mark.parametrize("seconds", [15.0, HOUR, -HOUR])
def test_the_clock_of_a_folder_is_that_which_stamps_its_files(tmp_path, seconds):
    assert file_clock(tmp_path)(off_by(seconds)) == pytest.approx(-seconds, abs=1)
    assert list(tmp_path.iterdir()) == []
    assert file_clock(tmp_path)(off_by(FILE_SECONDS / 2)) == 0.0  # files may be stamped to 2 s
    assert file_clock(tmp_path / "nowhere")(time.time) is None


@pytest.mark.parametrize("writer_off", [15.0, HOUR, -HOUR])
@pytest.mark.parametrize("reader_off", [0.0, 15.0, -HOUR])
def test_another_reader_sees_right_ages_and_durations_of_a_writer_whose_clock_is_off(location, writer_off, reader_off):
    wrong = off_by(writer_off)
    writer = RunStore(location, wall=wrong)
    begun = time.time()
    row = writer.create_experiment({}, name="", labels=["a"], run_configs=[{"weighting": "mad"}], environment={})
    run = row.runs[0].id
    writer.claim([run], "me")
    at = wrong()
    block = TelemetryBlock(run, 1, 0, ("a",), TWO_STEPS, at, at + 1)
    writer.write([StateChange(run, 0, RunState.RUNNING), block, Event(run, 1, "note", time=wrong())], "me")
    writer.heartbeat([run], "me")
    reader = RunStore(location, wall=off_by(reader_off))
    ended = time.time()

    seen = reader.run(run)
    for at in (seen.created, seen.heartbeat, seen.started, *(event.time for event in reader.events([run]))):
        assert begun - 3 < at < ended + 3
    first, second = reader.telemetry(run).times
    assert begun - 3 < first < ended + 3
    assert second - first == pytest.approx(1)
    assert 0 <= overview(reader)[0].age < ended - begun + 5
    assert 0 <= run_table(reader)["seconds"][0] < ended - begun + 5
    assert reader.now() == pytest.approx(time.time(), abs=3)
    reader.close()
    writer.close()


def test_a_measurement_that_took_long_is_none(tmp_path):
    passed = iter([0.0, SLOW_SECONDS + 1])
    assert file_clock(tmp_path)(lambda: next(passed)) is None


def test_steps_whose_clock_was_set_back_meanwhile_took_no_time(tmp_path):
    store = RunStore(tmp_path / "runs.sqlite")
    row = store.create_experiment({}, name="", labels=["a"], run_configs=[{}], environment={})
    run = row.runs[0].id
    store.write([TelemetryBlock(run, 1, 0, ("a",), TWO_STEPS, 5000.0, 5000.0 - HOUR)], None)
    assert store.telemetry(run).times.tolist() == [5000.0, 5000.0]
    store.close()


AHEAD = """
import sys, time
own = time.time
time.time = lambda: own() + 3600
from dmf.cli import main
main()
"""


@pytest.mark.processes
def test_what_a_computer_trains_whose_clock_is_an_hour_ahead_lies_in_the_past_of_others(home, tmp_path, tiny_texts):
    begun = time.time()
    words = [word for name, value in tiny_texts.items() for word in (f"--{name.replace('_', '-')}", value)]
    command = [
        sys.executable,
        "-c",
        AHEAD,
        "train",
        "--weighting",
        "mad",
        "--store",
        str(tmp_path / "s.sqlite"),
        *words,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    passed = time.time() - begun + 3
    store = RunStore(tmp_path / "s.sqlite")
    (run,) = store.runs()
    assert run.state is RunState.FINISHED
    times = [run.created, run.started, *store.telemetry(run.id).times, run.ended]
    assert times == sorted(times)
    assert begun - 3 < times[0] < times[-1] < begun + passed
    assert all(begun - 3 < event.time < begun + passed for event in store.events([run.id]))
    assert 0 <= overview(store)[0].age < passed
    assert 0 < run_table(store)["seconds"][0] < passed
    store.close()
