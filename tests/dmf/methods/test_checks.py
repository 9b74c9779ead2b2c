"""Each check finds what it is there for: weightings that break one promise each."""

from typing import ClassVar

import pytest
import torch

from dmf.methods import checks
from dmf.methods.checks import CHECKS, BrokenPromiseError, NotForThisMethodError, Subject, history
from dmf.weighting import WEIGHTINGS, Combined, Weighting


class Broken(Weighting):
    """Equal weights, and room for one mistake."""

    replayable: ClassVar[bool] = False

    def forward(self, state):
        return self._combine(state.terms, self.weights)


class Infinite(Broken):
    def forward(self, state):
        return Combined(state.terms.sum(), self.weights / (0 if state.step == 7 else 1))


class Negative(Broken):
    def forward(self, state):
        return Combined(state.terms.sum(), self.weights - torch.eye(self.count, dtype=self.weights.dtype)[0])


class Heavy(Broken):
    def forward(self, state):
        return Combined(state.terms.sum(), self.weights * 2)


class Flat(Broken):
    def forward(self, state):
        return Combined(state.terms.sum(), self.weights[:1] * 3)


class FirstWins(Broken):
    """Gives half to the first loss as long as it is above 0."""

    def forward(self, state):
        head = 0.5 if self.count > 1 and state.terms[0] > 0.3 else 1 / self.count
        weights = torch.full_like(self.weights, (1 - head) / max(1, self.count - 1))
        weights[0] = head
        return self._combine(state.terms, weights)


class Restless(Broken):
    def current(self, terms):
        self.weights = self.weights.flip(0) * 0.9
        return self._combine(terms, self.weights)


class Sly(Broken):
    def current(self, terms):
        combined = super().current(terms)
        self.weights = self.weights * 0.5
        return combined


class Gullible(Broken):
    """Remembers the mean of the losses, whatever they are."""

    def __init__(self, count, **options):
        super().__init__(count, **options)
        self.register_buffer("mean", torch.zeros(count, dtype=self.weights.dtype))

    def forward(self, state):
        self.mean = 0.9 * self.mean + 0.1 * state.terms.detach()
        return self._combine(state.terms, self.weights)


class Forgetful(Broken):
    """Keeps what it has learned where no checkpoint finds it."""

    def __init__(self, count, **options):
        super().__init__(count, **options)
        self.seen = 0

    def forward(self, state):
        self.seen += 1
        shares = torch.softmax(self.seen / 100 * torch.arange(self.count, dtype=self.weights.dtype), 0)
        return self._combine(state.terms, shares)


class Drifting(Broken):
    """Replays as what it is not."""

    replayable: ClassVar[bool] = True

    def replay(self, losses, history_max, first=0):
        return self.weights.flip(0).expand(len(losses) - first, -1) * 1.01


class Short(Drifting):
    def replay(self, losses, history_max, first=0):
        return self.weights.expand(3, -1)


class Attached(Broken):
    def forward(self, state):
        shares = torch.softmax(state.terms.nan_to_num(), 0)
        return Combined((shares * state.terms).sum(), shares.detach())


class Graceless(Broken):
    def forward(self, state):
        shares = torch.softmax(state.terms.nan_to_num(), 0)
        return Combined((shares.detach() * state.terms).sum(), shares)


@pytest.fixture
def broken(monkeypatch):
    """Makes a class the weighting "broken"."""
    monkeypatch.setattr(WEIGHTINGS, "_members", dict(WEIGHTINGS._members))

    def register(kind):
        WEIGHTINGS.add("broken", kind)
        return Subject({"weighting": "broken"})

    return register


@pytest.mark.parametrize(
    ("kind", "check", "message"),
    [
        (Infinite, checks.weights_are_sound, r"a weight is not finite at step 7: \(inf, inf, inf\)"),
        (Negative, checks.weights_are_sound, r"a weight is negative at step 0: \(-0\.66"),
        (Heavy, checks.weights_are_sound, r"weights must sum to 1, at step 0 they are \(0\.66"),
        (Flat, checks.weights_are_sound, r"weights must be 3 numbers, got shape .*1"),
        (Heavy, checks.constant_losses_do_no_harm, "must sum to 1"),
        (Heavy, checks.zero_losses_do_no_harm, "must sum to 1"),
        (Heavy, checks.negative_losses_do_no_harm, "must sum to 1"),
        (Heavy, checks.one_loss_is_enough, r"must sum to 1, at step 0 they are \(2\)"),
        (Heavy, checks.six_losses_are_not_too_many, "must sum to 1"),
        (FirstWins, checks.order_does_not_matter, r"losses in another order get other weights at step"),
        (Restless, checks.evaluation_changes_nothing, "in evaluation mode the weights must stay"),
        (Sly, checks.evaluation_changes_nothing, r"in evaluation mode the (weights|state) must stay"),
        (
            Gullible,
            checks.bad_losses_enter_no_state,
            "after a loss of nan the state must stay as it is, but mean changed",
        ),
        (
            Forgetful,
            checks.a_restored_state_goes_on,
            r"restored after 2 steps, the weights differ 0 steps on: .*buffers",
        ),
        (Drifting, checks.replay_equals_live, r"at step 0 replay gives \(0\.33666"),
        (Short, checks.replay_equals_live, r"replay must give weights \(28, 3\), got \(3, 3\)"),
        (Attached, checks.weights_are_constants_in_the_gradient, "the slope of the total by each loss is"),
        (Graceless, checks.weights_are_constants_in_the_gradient, "weights must carry no gradient; detach them"),
    ],
)
def test_a_broken_promise_is_told(broken, kind, check, message):
    with pytest.raises(BrokenPromiseError, match=message):
        check(broken(kind))


def test_a_state_with_other_entries_is_told(broken):
    class Growing(Broken):
        def forward(self, state):
            if state.terms.isneginf().any():
                self.register_buffer("mishaps", torch.ones(()))
            return super().forward(state)

    with pytest.raises(BrokenPromiseError, match=r"the state has other entries: \['mishaps'\]"):
        checks.bad_losses_enter_no_state(broken(Growing))


def test_what_means_nothing_for_a_method_is_skipped_with_the_reason():
    for name, check, reason in (
        ("fixed", checks.order_does_not_matter, "looks at no loss"),
        ("random", checks.order_does_not_matter, "draws by `weight_seed`"),
        ("uncertainty", checks.replay_equals_live, "needs more than loss values"),
        ("mgda", checks.no_step_waits_for_the_device, "says that it waits for the device"),
    ):
        with pytest.raises(NotForThisMethodError, match=reason):
            check(Subject({"weighting": name}))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_nothing_is_said_about_waiting():
    with pytest.raises(NotForThisMethodError, match="needs a CUDA device"):
        checks.no_step_waits_for_the_device(Subject({"weighting": "mad"}))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_method_that_waits_for_the_gpu_is_told(broken):
    class Waiting(Broken):
        def forward(self, state):
            state.terms.sum().item()
            return super().forward(state)

    with pytest.raises(BrokenPromiseError, match="a step waits for the device"):
        checks.no_step_waits_for_the_device(broken(Waiting))
    checks.no_step_waits_for_the_device(Subject({"weighting": "mad"}))


def test_every_check_has_its_words():
    assert len(CHECKS) == len(set(CHECKS.values())) == 15


def test_the_history_has_a_spike_a_flat_stretch_and_bad_steps():
    losses = history()
    assert losses.shape == (28, 3)
    assert torch.isfinite(losses).all(-1).logical_not().nonzero().flatten().tolist() == [0, 11]
    assert losses[6:16, 1].unique().tolist() == [0.3]
    assert losses[18, 2] > 5 * losses[17, 2]
    assert torch.isfinite(history(1)).all()


def test_a_state_that_overflows_is_told(broken):
    class Overflowing(Broken):
        def __init__(self, count, **options):
            super().__init__(count, **options)
            self.register_buffer("square", torch.zeros(count, dtype=self.weights.dtype))

        def forward(self, state):
            if state.finite is not False:
                self.square = state.terms.detach() ** 2
            return super().forward(state)

    with pytest.raises(BrokenPromiseError, match=r"after a loss of 1e\+30 at step 6 weighting\.square is not finite"):
        checks.huge_losses_do_no_harm(broken(Overflowing))
