#!/usr/bin/env bash
# pycocotools 2.0.11: a hole of a COCO polygon is filled, whatever way round it is written.
#
# Programs that turn masks into polygons write an outline and its hole as two polygons of one annotation. pycocotools
# unites them (frPyObjects, merge: what annToMask does), also when the hole runs the other way round, so that the area
# of a ring of 400 - 100 pixels is 400. cv2.fillPoly, given both, leaves the hole out. Only one polygon that goes to the
# hole and back along the same edge keeps it, as crossings of one polygon cancel out (even-odd).
#
# Output seen:
#   pycocotools 2.0.11
#   outline 400, outline and hole 400, hole the other way round 400, one polygon with the hole 300
#   cv2.fillPoly: 360 of 441 pixels, the hole is left out but for its border
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 pycocotools==2.0.11 opencv-python-headless==5.0.0.93
"$folder/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import cv2
import numpy as np
from pycocotools import mask

outline, hole = ([[a, a], [b, a], [b, b], [a, b]] for a, b in ((10, 30), (15, 25)))


def area(*polygons):
    flat = [np.ravel(polygon).tolist() for polygon in polygons]
    return int(mask.area(mask.merge(mask.frPyObjects(flat, 40, 40))))


keyhole = [*outline, outline[0], *hole, hole[0], outline[0]]
areas = area(outline), area(outline, hole), area(outline, hole[::-1]), area(keyhole)
print("pycocotools", version("pycocotools"))
print("outline {}, outline and hole {}, hole the other way round {}, one polygon with the hole {}".format(*areas))
canvas = np.zeros((40, 40), np.uint8)
cv2.fillPoly(canvas, [np.array(outline), np.array(hole)], 1)
print(f"cv2.fillPoly: {canvas.sum()} of 441 pixels, the hole is left out but for its border")
assert areas == (400, 400, 400, 300), areas
assert canvas[20, 20] == 0
PY
