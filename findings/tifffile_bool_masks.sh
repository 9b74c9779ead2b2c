#!/usr/bin/env bash
# tifffile 2026.3.3, pillow 13.0.0, opencv-python-headless 5.0.0.93, numpy 2.4.6
#
# tifffile writes a bool array (the natural type of a mask) with the photometric interpretation MinIsWhite, and reads it
# back without regard to that. Every reader that follows the standard, Pillow and OpenCV among them, gets the mask inverted:
# the background becomes the object. The same array as uint8 comes back as it was. And OpenCV inverts MinIsWhite for 1 and 8
# bits, but not for 16.
#
# Seen:
#   one of four pixels is foreground; read as foreground: tifffile 1, pillow 3, opencv 3; as uint8: 1 1 1
#   MinIsWhite, value 0: 8 bits 255, 16 bits 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check 'tifffile==2026.3.3' 'pillow==13.0.0' \
    'opencv-python-headless==5.0.0.93' 'numpy==2.4.6'
"$folder/venv/bin/python" - <<'PYTHON'
import io

import cv2
import numpy as np
import tifffile
from PIL import Image


def counts(mask):
    stream = io.BytesIO()
    tifffile.imwrite(stream, mask)
    content = stream.getvalue()
    return [
        int((tifffile.imread(io.BytesIO(content)) > 0).sum()),
        int((np.asarray(Image.open(io.BytesIO(content))) > 0).sum()),
        int((cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) > 0).sum()),
    ]


def of_zero(kind):
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((2, 2), kind), photometric="miniswhite")
    return int(cv2.imdecode(np.frombuffer(stream.getvalue(), np.uint8), cv2.IMREAD_UNCHANGED)[0, 0])


mask = np.array([[True, False], [False, False]])
as_bool, as_uint8 = counts(mask), counts(mask.astype(np.uint8))
print("one of four pixels is foreground; read as foreground: tifffile {}, pillow {}, opencv {}; as uint8:".format(*as_bool), *as_uint8)
deep = [of_zero(np.uint8), of_zero(np.uint16)]
print("MinIsWhite, value 0: 8 bits", f"{deep[0]},", "16 bits", deep[1])
assert as_bool == [1, 3, 3] and as_uint8 == [1, 1, 1] and deep == [255, 0]
PYTHON
