#!/usr/bin/env bash
# scikit-image 0.26.0, numpy 2.4.6
#
# MR and CT are mostly int16. For it structural_similarity takes 65535 as the range of the data, negative half included, so
# that a picture of 0 to 2000 is compared as if hardly anything in it differed: an SSIM near 1 whatever the noise. A warning
# names the number; the same call with floating pixels is refused.
#
# Seen:
#   int16 without a range 0.9973, with data_range=2000 0.5986; float64 without a range: ValueError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check 'scikit-image==0.26.0' 'numpy==2.4.6'
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from skimage.metrics import structural_similarity

rows, columns = np.mgrid[:96, :96]
target = 0.5 + 0.25 * np.sin(rows / 7) * np.cos(columns / 11)
noisy = np.clip(target + np.random.default_rng(0).normal(0, 0.05, target.shape), 0, 1)
target, noisy = ((2000 * image).round().astype(np.int16) for image in (target, noisy))
guessed, told = structural_similarity(noisy, target), structural_similarity(noisy, target, data_range=2000)
try:
    floating = str(structural_similarity(noisy.astype(float), target.astype(float)))
except ValueError:
    floating = "ValueError"
print(f"int16 without a range {guessed:.4f}, with data_range=2000 {told:.4f}; float64 without a range: {floating}")
assert guessed > 0.99 and told < 0.61 and floating == "ValueError"
PYTHON
