import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from dmf.seeding import derive


def test_a_seed_is_the_start_of_a_digest() -> None:
    # printf '0/batches/3' | sha256sum | head -c 16 -> c3e4926d8a08ae3e, read as a number and halved
    assert derive(0, "batches", 3) == 0xC3E4926D8A08AE3E >> 1


def test_the_same_words_give_the_same_seed_in_every_process() -> None:
    # Python's own hash of a text differs from process to process
    code = "from dmf.seeding import derive; print(derive(7, 'model', 'unet'))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) == derive(7, "model", "unet")


def test_other_words_or_another_seed_give_another_stream() -> None:
    seeds = [derive(0), derive(1), derive(0, "batches", 0), derive(0, "batches", 1), derive(0, "split"), derive(10)]
    assert len(set(seeds)) == len(seeds)


@given(st.integers(0, 2**31 - 1), st.text())
def test_seeds_fit_torch_and_numpy(seed: int, word: str) -> None:
    assert 0 <= derive(seed, word) < 2**63
