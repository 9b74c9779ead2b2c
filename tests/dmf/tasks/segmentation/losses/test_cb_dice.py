import pytest
import torch

from dmf.errors import ConfigError
from dmf.tasks.segmentation.losses import CBDice, Prediction

TARGET = [[[1, 0, 0, 0]], [[1, 1, 0, 0]]]
LABELS = [[[1, 1, 0, 0]], [[1, 1, 0, 0]]]
THREE = [[[0, 0, 0, 0, 0, 1, 1, 1, 2, 2]]]  # shares 0.5, 0.3, 0.2
THREE_LABELS = [[[0, 0, 0, 0, 0, 1, 1, 2, 2, 2]]]  # Dice 1, 2*2/5 = 0.8, 2*2/5 = 0.8


def test_value_per_image_by_hand(certain):
    # Image 1: shares 0.75, 0.25, so u = 0.25, 0.75; Dice 2*2/(2+3) = 0.8 and 2*1/(2+1) = 2/3; loss 0.3.
    # Image 2 is perfect: loss 0. Mean 0.15.
    assert CBDice()(certain(LABELS, TARGET)).item() == pytest.approx(0.15, abs=1e-6)


def test_value_per_batch_by_hand(certain):
    # Shares 5/8, 3/8, so u = 3/8, 5/8; Dice 2*4/(4+5) = 8/9 and 2*3/(4+3) = 6/7.
    loss = CBDice(cb_ratios="batch")(certain(LABELS, TARGET))
    assert loss.item() == pytest.approx(1 - (3 / 8 * 8 / 9 + 5 / 8 * 6 / 7), abs=1e-6)


def test_value_with_shares_of_the_dataset_by_hand(certain):
    # u = 0.1, 0.9; Dice of the batch 8/9 and 6/7.
    loss = CBDice(cb_ratios="dataset", class_ratios=(0.9, 0.1))(certain(LABELS, TARGET))
    assert loss.item() == pytest.approx(1 - (0.1 * 8 / 9 + 0.9 * 6 / 7), abs=1e-6)


def test_complement_is_normalised_for_three_classes(certain):
    # 1 - r = 0.5, 0.7, 0.8 sum to 2, so u = 0.25, 0.35, 0.4: 1 - (0.25 + 0.75 * 0.8) = 0.15. Unnormalised: -0.7.
    assert CBDice()(certain(THREE_LABELS, THREE, 3)).item() == pytest.approx(0.15, abs=1e-6)


def test_inverse_by_hand(certain):
    # 1/r = 2, 10/3, 5 sum to 31/3, so u = 6/31, 10/31, 15/31: 1 - (6/31 + 25/31 * 0.8) = 5/31.
    loss = CBDice(cb_weights="inverse")(certain(THREE_LABELS, THREE, 3))
    assert loss.item() == pytest.approx(5 / 31, abs=1e-5)


def test_the_two_weightings_coincide_for_two_classes(certain):
    complement, inverse = (CBDice(cb_weights=word)(certain(LABELS, TARGET)) for word in ("complement", "inverse"))
    assert complement.item() == pytest.approx(inverse.item(), abs=1e-5)


@pytest.mark.parametrize("cb_weights", ["complement", "inverse"])
@pytest.mark.parametrize("cb_ratios", ["image", "batch", "dataset"])
class TestEdges:
    @pytest.fixture
    def loss(self, cb_weights, cb_ratios):
        return CBDice(cb_weights, cb_ratios, (0.9, 0.1) if cb_ratios == "dataset" else None)

    def test_best_and_worst_case(self, loss, certain):
        assert loss(certain(TARGET, TARGET)).item() == pytest.approx(0, abs=1e-6)
        wrong = [[[0, 1, 1, 1]], [[0, 0, 1, 1]]]
        assert loss(certain(wrong, TARGET)).item() == pytest.approx(1, abs=1e-5)

    def test_a_perfect_empty_mask_costs_nothing(self, loss, certain):
        # The notebook's loss is 1 here.
        empty = [[[0, 0, 0, 0]]]
        assert loss(certain(empty, empty)).item() == pytest.approx(0, abs=1e-6)

    def test_a_single_class_present_has_all_the_weight(self, loss, certain):
        # Background only, one of four pixels wrong: Dice 2*3 / (3 + 4) = 6/7.
        assert loss(certain([[[0, 0, 0, 1]]], [[[0, 0, 0, 0]]])).item() == pytest.approx(1 / 7, abs=1e-6)

    def test_no_class_present_gives_a_zero_that_keeps_the_graph(self, loss):
        logits = torch.zeros(1, 2, 2, 2, requires_grad=True)
        value = loss(Prediction(logits, torch.full((1, 2, 2), 255)))
        value.backward()
        assert value.item() == 0
        assert logits.grad.abs().sum() == 0


def test_an_absent_class_has_no_weight(certain):
    # Class 2 is absent, so only 0 and 1 count: shares 0.75, 0.25, u = 0.25, 0.75; Dice 0: 2*2/(2+3), 1: 1.
    loss = CBDice()(certain([[[0, 0, 2, 1]]], [[[0, 0, 0, 1]]], 3))
    assert loss.item() == pytest.approx(1 - (0.25 * 0.8 + 0.75), abs=1e-6)


def test_shares_of_the_dataset_move_with_the_module_but_are_not_its_state():
    loss = CBDice(cb_ratios="dataset", class_ratios=(0.9, 0.1))
    assert loss.state_dict() == {}
    assert [buffer.tolist() for buffer in loss.buffers()] == [[0.9, 0.1]]


@pytest.mark.parametrize(
    ("options", "field", "words"),
    [
        ({"cb_weights": "effective"}, "cb_weights", "'complement' or 'inverse', got 'effective'"),
        ({"cb_ratios": "epoch"}, "cb_ratios", "'image', 'batch' or 'dataset', got 'epoch'"),
        ({"cb_ratios": "dataset"}, "cb_ratios", "needs `class_ratios`"),
        ({"cb_ratios": "dataset", "class_ratios": (0.9, 0.3)}, "cb_ratios", "sum to 1"),
        ({"cb_ratios": "dataset", "class_ratios": (1.5, -0.5)}, "cb_ratios", "at least 0"),
        ({"smooth": -1}, None, "`smooth`"),
    ],
)
def test_wrong_options_are_refused(options, field, words):
    with pytest.raises(ConfigError, match=words) as caught:
        CBDice(**options)
    assert caught.value.field == field


def test_shares_of_another_number_of_classes_are_refused(certain):
    loss = CBDice(cb_ratios="dataset", class_ratios=(0.5, 0.3, 0.2))
    with pytest.raises(ConfigError, match="3 shares but there are 2 classes"):
        loss(certain(LABELS, TARGET))
