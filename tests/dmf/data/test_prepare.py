import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from dmf.config import DataConfig
from dmf.data import Busi, Case, Dataset, Phantom, RawPair, class_ratios, prepare
from dmf.data.prepare import choose_cases
from dmf.errors import DataError

SMALL = DataConfig(dataset="counting", image_size=16)


def cached(home: Path) -> list[Path]:
    return sorted((home / "cache").iterdir())


def test_prepared_data_has_one_shape(counting: type[Dataset]) -> None:
    data = prepare(counting(), SMALL)
    assert data.images.shape == (6, 1, 16, 16)
    assert data.targets.shape == (6, 16, 16)
    assert data.images.dtype == data.targets.dtype == np.uint8
    assert data.sizes.tolist() == [[8, 12]] * 6
    assert data.class_names == ("background", "lesion")
    assert [case.id for case in data.cases] == [f"c{n}" for n in range(6)]
    assert data.images[3].max() == 30


def test_the_second_time_nothing_is_computed(counting: type[Dataset], home: Path) -> None:
    seen: list[tuple[int, int]] = []
    first = prepare(counting(), SMALL, on_progress=lambda *done: seen.append(done))
    assert seen == [(n, 6) for n in range(1, 7)]
    again = counting()
    second = prepare(again, SMALL, on_progress=lambda *_: pytest.fail("computed again"))
    assert again.loads == 0
    assert np.array_equal(first.images, second.images)
    assert np.array_equal(first.targets, second.targets)
    assert np.array_equal(first.sizes, second.sizes)
    assert first.cases == second.cases
    assert len(cached(home)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": 32},
        {"fit": "pad"},
        {"filter": True},
        {"filter": True, "filter_diameter": 5},
        {"filter": True, "filter_sigma_space": 3.0},
        {"filter": True, "filter_sigma_intensity": 3.0},
        {"limit": 4},
    ],
)
def test_every_setting_that_decides_pixels_has_its_own_cache(
    counting: type[Dataset], change: dict[str, object]
) -> None:
    prepare(counting(), SMALL)
    prepare(counting(), SMALL.model_copy(update={"filter": True}) if len(change) == 2 else SMALL)
    other = counting()
    prepare(other, SMALL.model_copy(update=change))
    assert other.loads > 0


def test_settings_that_do_not_decide_pixels_share_the_cache(counting: type[Dataset]) -> None:
    prepare(counting(), SMALL)
    other = counting()
    prepare(other, SMALL.model_copy(update={"split": (0.5, 0.25, 0.25), "filter_diameter": 5}))
    assert other.loads == 0


def test_a_changed_file_is_prepared_again(fake_busi: Path) -> None:
    config = DataConfig(dataset="busi", image_size=16)
    before = prepare(Busi(fake_busi), config)
    mask = fake_busi / "benign" / "benign (1)_mask.png"
    mask.write_bytes((fake_busi / "normal" / "normal (1)_mask.png").read_bytes())
    after = prepare(Busi(fake_busi), config)
    assert before.targets[0].any()
    assert not after.targets[0].any()


def test_the_same_files_elsewhere_do_not_share_a_cache(counting: type[Dataset]) -> None:
    prepare(counting(Path("here")), SMALL)
    other = counting(Path("there"))
    prepare(other, SMALL)
    assert other.loads == 6


@pytest.mark.parametrize("keep", [0, 30, 1000])
def test_a_damaged_cache_is_said_and_made_again(counting: type[Dataset], home: Path, keep: int) -> None:
    first = prepare(counting(), SMALL)
    (path,) = cached(home)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.warns(UserWarning, match=r"Cache file .*counting-.*\.npz is damaged .*preparing its images again"):
        second = prepare(counting(), SMALL)
    assert np.array_equal(first.images, second.images)
    prepare(counting(), SMALL)  # whole again: no warning


def test_a_flipped_byte_in_the_cache_is_noticed(counting: type[Dataset], home: Path) -> None:
    prepare(counting(), SMALL)
    (path,) = cached(home)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged"):
        prepare(counting(), SMALL)


def test_no_half_written_file_stays_behind(
    counting: type[Dataset], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(DataError, match=r"Cannot write the prepared images to .*cache: No space left.*set DMF_HOME"):
        prepare(counting(), SMALL)
    assert cached(home) == []


def test_two_processes_may_prepare_the_same_data_at_once(home: Path) -> None:
    code = (
        "from dmf.config import DataConfig\n"
        "from dmf.data import Phantom, prepare\n"
        "data = prepare(Phantom(images=24), DataConfig(image_size=32))\n"
        "print(int(data.images.sum()))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    sums = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sums == {f"{int(prepare(Phantom(images=24), DataConfig(image_size=32)).images.sum())}\n"}
    assert len(cached(home)) == 1


def test_a_cache_of_an_older_version_is_still_read(counting: type[Dataset], home: Path) -> None:
    first = prepare(counting(), SMALL)
    (path,) = cached(home)
    arrays = {"images": first.images + 1, "masks": first.targets, "sizes": first.sizes}
    np.savez(path, **arrays)  # how they were written
    again = prepare(counting(), SMALL, on_progress=lambda *_: pytest.fail("computed again"))
    assert np.array_equal(again.images, first.images + 1)


def test_a_case_that_cannot_be_read_is_not_taken_for_a_full_disk(counting: type[Dataset], home: Path) -> None:
    class Gone(counting):  # type: ignore[valid-type, misc]
        def load(self, case: Case) -> RawPair:
            raise FileNotFoundError(case.id)

    with pytest.raises(FileNotFoundError, match="c0"):
        prepare(Gone(), SMALL)
    assert cached(home) == []


def test_the_filter_is_applied_before_resizing() -> None:
    plain = prepare(Phantom(images=1), DataConfig())
    smooth = prepare(Phantom(images=1), DataConfig(filter=True))
    assert smooth.images.astype(float).std() < plain.images.astype(float).std()
    assert np.array_equal(smooth.targets, plain.targets)


def test_a_larger_limit_keeps_what_a_smaller_one_chose() -> None:
    dataset = Phantom(images=40)
    small, large = ([case.id for case in choose_cases(dataset, limit)] for limit in (5, 12))
    assert large[:5] == small
    assert small != [case.id for case in dataset.cases()[:5]]
    assert small != [case.id for case in choose_cases(Phantom(images=40, seed=1), 5)]


def test_a_limit_above_the_number_of_cases_takes_them_all() -> None:
    assert len(choose_cases(Phantom(images=6), 100)) == 6


def test_a_dataset_without_cases_says_how_to_get_them(counting: type[Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "cases", lambda self: [])
    with pytest.raises(DataError, match=r"Dataset 'counting' has no cases\. Nothing to get\."):
        prepare(counting(), SMALL)


def test_a_broken_case_stops_preparation_with_its_name(fake_busi: Path) -> None:
    (fake_busi / "benign" / "benign (2).png").write_bytes(b"")
    with pytest.raises(DataError, match=r"benign \(2\)\.png: is empty"):
        prepare(Busi(fake_busi), DataConfig(dataset="busi"))


def test_class_ratios_are_shares_of_all_pixels() -> None:
    masks = np.zeros((2, 4, 4), dtype=np.uint8)
    masks[0, :2] = 1  # 8 of 32 pixels
    masks[1, 0, 0] = 2  # 1 of 32
    assert class_ratios(masks, 4).tolist() == [23 / 32, 8 / 32, 1 / 32, 0]
    assert class_ratios(masks, 4, np.array([1])).tolist() == [15 / 16, 0, 1 / 16, 0]


def test_two_threads_that_want_the_same_images_load_them_once(counting: type[Dataset]) -> None:
    datasets = [counting(), counting()]
    started, results = threading.Event(), []

    def slowly(*_: int) -> None:
        started.set()
        time.sleep(0.05)  # the other thread asks meanwhile

    first = threading.Thread(target=lambda: results.append(prepare(datasets[0], SMALL, on_progress=slowly)))
    first.start()
    started.wait()
    results.append(prepare(datasets[1], SMALL))
    first.join()
    assert [dataset.loads for dataset in datasets] == [6, 0]
    assert np.array_equal(results[0].images, results[1].images)
