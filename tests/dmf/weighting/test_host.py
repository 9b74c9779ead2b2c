import pytest
import torch

from dmf.weighting import host

NO, YES = torch.tensor(False), torch.tensor(True)


def test_the_host_reads_its_own_tensors_and_those_of_no_device() -> None:
    assert host.can_read(torch.zeros(()))
    assert not host.can_read(torch.zeros((), device="meta"))


@pytest.mark.parametrize("one", [True, False])
@pytest.mark.parametrize("other", [True, False])
def test_both_holds_where_two_flags_hold_wherever_they_are_known(one: bool, other: bool) -> None:
    flags = {True: YES, False: NO}
    assert host.both(one, other) is (one and other)
    for result in (host.both(flags[one], other), host.both(one, flags[other]), host.both(flags[one], flags[other])):
        assert bool(result) is (one and other)


def test_a_flag_that_is_known_to_be_false_decides_without_the_device() -> None:
    assert host.both(False, YES) is False
    assert host.both(YES, False) is False


def test_choose_takes_the_new_value_where_the_flag_holds() -> None:
    new, old = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    assert host.choose(True, new, old) is new
    assert host.choose(False, new, old) is old
    assert torch.equal(host.choose(YES, new, old), new)
    assert torch.equal(host.choose(NO, new, old), old)
