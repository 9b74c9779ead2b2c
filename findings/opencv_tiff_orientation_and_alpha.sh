#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93 (and its libtiff), pillow 13.0.0, numpy 2.4.6
#
# cv2.IMREAD_UNCHANGED is documented to ignore EXIF orientation. It does so for JPEG and PNG, but a TIFF comes back turned,
# so whoever turns by the tag himself turns twice. And the colours of an 8-bit TIFF with unassociated alpha come back
# multiplied by alpha (those of a PNG of the same pixels do not), so whoever lays them over black does it twice: 40 of
# alpha 215 becomes 34, and 28 when laid over black again. A grey TIFF with alpha loses its alpha.
#
# Seen:
#   orientation 6 of 2 x 3: jpeg (2, 3) png (2, 3) tiff (3, 2)
#   RGBA, colour 40 of alpha 215: png 40 tiff 34
#   LA: png (1, 1, 4) tiff (1, 1)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check 'opencv-python-headless==5.0.0.93' 'pillow==13.0.0' 'numpy==2.4.6'
"$folder/venv/bin/python" - <<'PYTHON'
import io

import cv2
import numpy as np
from PIL import Image


def read(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return cv2.imdecode(np.frombuffer(stream.getvalue(), np.uint8), cv2.IMREAD_UNCHANGED)


grey = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3) * 40)
exif = Image.Exif()
exif[274] = 6
shapes = [read(grey, "JPEG", exif=exif).shape, read(grey, "PNG", exif=exif).shape]
shapes.append(read(grey, "TIFF", tiffinfo={274: 6}).shape)
print("orientation 6 of 2 x 3: jpeg", shapes[0], "png", shapes[1], "tiff", shapes[2])
pixel = Image.new("RGBA", (1, 1), (40, 40, 40, 215))
colours = [int(read(pixel, kind)[0, 0, 0]) for kind in ("PNG", "TIFF")]
print("RGBA, colour 40 of alpha 215: png", colours[0], "tiff", colours[1])
pixel = Image.new("LA", (1, 1), (40, 215))
alphas = [read(pixel, kind).shape for kind in ("PNG", "TIFF")]
print("LA: png", alphas[0], "tiff", alphas[1])
assert shapes == [(2, 3), (2, 3), (3, 2)] and colours == [40, 34] and alphas == [(1, 1, 4), (1, 1)]
PYTHON
