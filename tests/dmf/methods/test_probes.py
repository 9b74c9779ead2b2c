import pytest
import torch

from dmf.errors import UnknownNameError
from dmf.methods.probes import AFTER, BEFORE, Reaction, cost, disturbed, first_sentence, probe, reaction, usual_history

EVEN = torch.full((AFTER, 3), 1 / 3, dtype=torch.float64)


def with_first_share(shares: dict[int, float]) -> torch.Tensor:
    """Even weights, but for the first one's share at some steps; of another sum, which is not to matter."""
    weights = EVEN.clone()
    for step, share in shares.items():
        weights[step] = torch.tensor([share, (1 - share) / 2, (1 - share) / 2])
    return weights * 5


def test_a_reaction_is_where_the_share_differs_most_and_ends_where_a_tenth_is_left():
    # From 1/3 to 0.08 at step 3; 0.30 at step 9 is 0.033 off, more than a tenth of 0.253; 0.32 at step 10 is not.
    found = reaction(EVEN, with_first_share({3: 0.08, 9: 0.30, 10: 0.32}))
    assert found == Reaction(usual=0.3333, got=0.08, after=3, back=10)


def test_a_reaction_that_lasts_to_the_end_is_never_back():
    found = reaction(EVEN, with_first_share(dict.fromkeys(range(AFTER), 0.6)))
    assert (found.got, found.after, found.back) == (0.6, 0, None)


def test_no_reaction_is_none():
    found = reaction(EVEN, EVEN * 2)
    assert found.in_words() == "takes no notice"


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Reaction(0.33, 0.08, 0, 100), "falls from 0.33 to 0.08, back after 100 steps"),
        (Reaction(0.33, 0.08, 1, 1), "falls from 0.33 to 0.08, back after 1 step"),
        (Reaction(0.33, 0.9, 12, None), "rises from 0.33 to 0.90 after 12 steps, stays"),
        (Reaction(0.33, 0.9, 139, None), "rises from 0.33 to 0.90 within 140 steps"),
        (Reaction(0.33, 0.335, 5, None), "hardly moves"),
        (Reaction(0.33, 0.33, 0, 1), "takes no notice"),
    ],
)
def test_a_reaction_in_words(seen, words):
    assert seen.in_words() == words


def test_histories_differ_from_the_usual_only_in_the_first_loss_and_after_the_event():
    usual = usual_history()
    assert usual.shape == (BEFORE + AFTER, 3)
    for what in ("spike", "plateau", "scale"):
        losses = disturbed(what)
        assert torch.equal(losses[:BEFORE], usual[:BEFORE])
        assert torch.equal(losses[:, 1:], usual[:, 1:])
    assert disturbed("spike")[BEFORE, 0] == 5 * usual[BEFORE, 0]
    assert torch.equal(disturbed("spike")[BEFORE + 1 :], usual[BEFORE + 1 :])
    assert disturbed("plateau")[BEFORE - 1 :, 0].unique().numel() == 1
    assert torch.equal(disturbed("scale")[BEFORE:, 0], 10 * usual[BEFORE:, 0])
    with pytest.raises(ValueError, match=r"`what` must be spike, plateau or scale, got 'noise'\."):
        disturbed("noise")


def test_fixed_weights_take_no_notice_and_a_worst_case_does():
    fixed = probe("fixed")
    assert {each.in_words() for each in (fixed.spike, fixed.plateau, fixed.scale)} == {"takes no notice"}
    assert (fixed.numbers, fixed.remembered, fixed.passes) == (3, 0, "")
    spike = probe("tchebycheff").spike
    assert spike.got > 0.99
    assert (spike.after, spike.back) == (0, 1)


def test_what_a_method_remembers_and_needs_is_told():
    assert probe("mad").remembered == 100
    assert probe("softadapt").remembered == 5
    assert probe("famo").passes == "a second forward pass"


def test_a_cost_is_a_time():
    threads = torch.get_num_threads()
    assert 1 < cost("fixed") < 100_000
    assert torch.get_num_threads() == threads


def test_a_method_describes_itself_by_its_first_sentence():
    assert first_sentence("fixed").endswith(".")
    with pytest.raises(UnknownNameError, match="Unknown weighting 'nope'"):
        probe("nope")
