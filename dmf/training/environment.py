"""What else decided a result: versions, device, processor."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from dmf import __version__

PACKAGES = ("torch", "numpy", "opencv-python-headless", "segmentation-models-pytorch", "torchjd")


def environment(device: torch.device) -> dict[str, Any]:
    """Versions of this program, Python and the packages that compute, and what they run on."""
    return {
        "dmf": __version__,
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
