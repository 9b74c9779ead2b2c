from contextlib import suppress

import pytest
import torch
from torch import nn

from dmf.training.numerics import BufferGuard, Numerics, RandomState

CPU = torch.device("cpu")


def global_flags():
    return (
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.are_deterministic_algorithms_enabled(),
    )


@pytest.mark.parametrize("before", [False, True])
def test_flags_of_the_process_are_put_back_also_after_an_error(before):
    outside = global_flags()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = before
    torch.use_deterministic_algorithms(before)
    try:
        for precision, expected in (("tf32", True), ("float32", False)):
            with suppress(ZeroDivisionError), Numerics(CPU, precision).applied():
                assert global_flags() == (expected, expected, False)
                raise ZeroDivisionError
            assert global_flags() == (before, before, before)
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = outside[:2]
        torch.use_deterministic_algorithms(outside[2])


def test_the_thread_that_trains_gets_its_number_of_threads():
    before = torch.get_num_threads()
    try:
        with Numerics(CPU, threads=1).applied():
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("device", "deterministic", "expected"),
    [
        ("cpu", False, True),
        ("cuda:0", False, False),
        ("cuda:0", True, True),
        ("mps", False, False),
        ("mps", True, False),
    ],
)
def test_bits_repeat_on_a_cpu_and_with_deterministic_kernels_on_cuda(device, deterministic, expected):
    assert Numerics(torch.device(device), deterministic=deterministic).is_bit_reproducible is expected


def test_memory_format_follows_the_choice():
    assert Numerics(CPU, channels_last=True).memory_format is torch.channels_last
    assert Numerics(CPU, channels_last=False).memory_format is torch.contiguous_format


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_autocast_is_on_for_bfloat16_only(precision, dtype):
    with Numerics(CPU, precision).autocast():
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype is dtype


def test_streams_do_not_disturb_each_other_or_the_rest_of_the_process():
    one, other = RandomState(CPU, 1), RandomState(CPU, 1)
    torch.manual_seed(99)
    outside = torch.get_rng_state()
    drawn = []
    for state in (one, other, one, other):
        with state.active():
            drawn.append(torch.rand(3))
    assert torch.equal(torch.get_rng_state(), outside)
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[2], drawn[3])
    assert not torch.equal(drawn[0], drawn[2])


def test_making_a_stream_draws_nothing_from_the_process():
    outside = torch.get_rng_state()
    RandomState(CPU, 5)
    assert torch.equal(torch.get_rng_state(), outside)


def test_another_seed_is_another_stream():
    with RandomState(CPU, 1).active():
        one = torch.rand(3)
    with RandomState(CPU, 2).active():
        assert not torch.equal(one, torch.rand(3))


def test_the_process_gets_its_stream_back_after_an_error():
    outside = torch.get_rng_state()
    with suppress(ZeroDivisionError), RandomState(CPU, 1).active():
        torch.rand(3)
        raise ZeroDivisionError
    assert torch.equal(torch.get_rng_state(), outside)


def test_a_restored_stream_goes_on():
    state = RandomState(CPU, 1)
    with state.active():
        torch.rand(3)
    again = RandomState(CPU, 7)
    again.load_state_dict(state.state_dict())
    with state.active():
        expected = torch.rand(3)
    with again.active():
        assert torch.equal(torch.rand(3), expected)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)))


def test_what_was_drawn_can_be_drawn_again_without_moving_the_stream():
    stream, other = (RandomState(torch.device("cpu"), 3) for _ in range(2))
    with stream.active():
        first = torch.rand(4)
    before = torch.get_rng_state()
    for _ in range(2):
        with stream.repeated():
            assert torch.equal(torch.rand(4), first)
            torch.rand(9)
    assert torch.equal(torch.get_rng_state(), before)
    with stream.active():
        second = torch.rand(4)
    with other.active():
        assert torch.equal(torch.rand(8), torch.cat((first, second)))


def test_buffers_keep_values_names_and_types():
    model = network()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    BufferGuard(model)
    after = dict(model.named_buffers())
    assert after.keys() == before.keys()
    for name, buffer in before.items():
        assert torch.equal(after[name], buffer)
        assert after[name].dtype is buffer.dtype


@pytest.mark.parametrize("bad", [True, False])
def test_a_forward_pass_is_undone_where_the_device_says_so(bad):
    model, reference = network(), network()
    guard, images = BufferGuard(model), torch.randn(2, 1, 8, 8)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    restore_where = guard.save()
    model(images)
    reference(images)
    restore_where(torch.tensor(bad))
    expected = before if bad else dict(reference.named_buffers())
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, expected[name]), name


def test_a_nan_in_the_statistics_is_undone():
    model = network()
    restore_where = BufferGuard(model).save()
    model(torch.full((2, 1, 8, 8), torch.nan))
    restore_where(torch.tensor(True))
    assert all(buffer.isfinite().all() for buffer in model.buffers())


def test_a_guarded_model_loads_a_state_and_is_guarded_still():
    model, other = network(), network()
    guard = BufferGuard(model)
    other(torch.randn(2, 1, 8, 8))
    model.load_state_dict(other.state_dict())
    restore_where = guard.save()
    model(torch.randn(2, 1, 8, 8))
    restore_where(torch.tensor(True))
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, other.state_dict()[name]), name


def test_a_model_without_buffers_is_fine():
    BufferGuard(nn.Linear(2, 2)).save()(torch.tensor(True))
