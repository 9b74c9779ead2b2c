import pytest

from dmf.records import Command, RunState
from dmf.training.run_control import RunControl


def obey(control, *commands):
    return [control.obey(Command(number, "r-1", command)) for number, command in enumerate(commands)]


def test_a_run_starts_running():
    control = RunControl()
    assert control.may_step
    assert not control.is_over


def test_pause_and_resume_change_the_state_once():
    control = RunControl()
    assert obey(control, "pause", "pause") == [RunState.PAUSED, None]
    assert not control.may_step
    assert obey(control, "resume", "resume") == [RunState.RUNNING, None]
    assert control.may_step


def test_a_paused_run_takes_as_many_steps_as_were_asked_for():
    control = RunControl()
    assert obey(control, "pause", "step", "step") == [RunState.PAUSED, None, None]
    for _ in range(2):
        assert control.may_step
        control.stepped()
    assert not control.may_step
    assert control.state is RunState.PAUSED


def test_a_step_asked_for_while_running_is_not_kept_for_a_later_pause():
    control = RunControl()
    obey(control, "step", "pause")
    assert not control.may_step


def test_resuming_forgets_steps_that_were_asked_for():
    control = RunControl()
    obey(control, "pause", "step", "resume", "pause")
    assert not control.may_step


def test_a_running_run_steps_without_an_allowance():
    control = RunControl()
    control.stepped()
    assert control.allowance == 0


@pytest.mark.parametrize("before", [(), ("pause",)])
def test_stop_ends_a_run_that_is_running_or_paused(before):
    control = RunControl()
    assert obey(control, *before, "stop")[-1] is RunState.STOPPED
    assert control.is_over
    assert not control.may_step
