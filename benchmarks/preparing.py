"""The most memory that preparing images takes, beside the prepared arrays; each set in a process of its own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import nibabel
import numpy as np

from benchmarks.harness import CannotMeasureError, Row
from dmf.config import DataConfig, ExperimentConfig, FusionConfig, RunConfig, TrainingConfig

CONTENTS = 50  # different pictures
TARGET = 1.3  # times the prepared arrays
MIB = 2**20
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def rows(quick: bool) -> list[Row]:
    if not CLEAR.exists():
        raise CannotMeasureError("The peak of a process is read from /proc, which only Linux has.")
    count, shape = (400, (64, 64, 40)) if quick else (20_000, (512, 512, 300))
    side = 64 if quick else 128
    large = shape[0]
    with tempfile.TemporaryDirectory() as folder:
        pictures, volumes = Path(folder, "pictures"), Path(folder, "volumes")
        _write_pictures(pictures, count)
        _write_volumes(volumes, shape)
        name = " x ".join(map(str, shape))
        return [
            _row(f"{count:,} images prepared at {side} px", "folder", pictures, side),
            _row(f"a volume of {name} prepared at {large} px, NIfTI .nii.gz", "nifti", volumes, large),
        ]


def _row(what: str, dataset: str, root: Path, side: int) -> Row:
    experiment = ExperimentConfig(
        data=DataConfig(dataset=dataset, root=str(root), image_size=side),
        training=TrainingConfig(device="cpu", batch_size=1),
        runs=(RunConfig(label="fixed", fusion=FusionConfig(weighting="fixed")),),
    )
    done = subprocess.run(
        [sys.executable, "-c", "from benchmarks.preparing import measure; measure()"],
        input=experiment.model_dump_json(),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    ratio = found["peak"] / found["arrays"]
    return Row(
        f"peak memory beyond the start, {what}",
        f"{found['peak'] / MIB:,.0f} MiB",
        f"prepared arrays {found['arrays'] / MIB:,.0f} MiB",
        f"{ratio:.2f}",
        f"<= {TARGET}",
        ratio <= TARGET,
    )


def measure() -> None:
    """Prepare the experiment of standard input up to its first step, and print the peak and the arrays in bytes."""
    from dmf.build import build_workbench

    config = ExperimentConfig.model_validate_json(sys.stdin.read())
    CLEAR.write_text("5")  # the peak begins anew
    start = _status("VmRSS")
    data = build_workbench(config).data
    print(json.dumps({"peak": _status("VmHWM") - start, "arrays": data.images.nbytes + data.targets.nbytes}))


def _status(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def _write_pictures(root: Path, count: int) -> None:
    """Files of their own names for few contents: links, as what is measured is reading them."""
    rng = np.random.default_rng(0)
    mask = np.zeros((96, 96), np.uint8)
    mask[30:60, 20:70] = 255
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
        for number in range(count):
            file = root / name / f"{number:05d}.png"
            if number < CONTENTS:
                pixels = rng.integers(0, 256, (96, 96), dtype=np.uint8) if name == "images" else mask
                file.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
            else:
                file.hardlink_to(root / name / f"{number % CONTENTS:05d}.png")


def _write_volumes(root: Path, shape: tuple[int, int, int]) -> None:
    """One large volume, and two small ones, as a split needs three."""
    rng = np.random.default_rng(0)
    for number, size in enumerate((shape, (*shape[:2], 1), (*shape[:2], 1))):
        grey = rng.integers(-1000, 1000, size, dtype=np.int16)
        mask = np.zeros(size, np.uint8)
        mask[: size[0] // 3] = 1
        for name, voxels in (("images", grey), ("labels", mask)):
            (root / name).mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), root / name / f"{number}.nii.gz")
