#!/usr/bin/env bash
# SimpleITK 2.5.7, MedPy 0.5.2: two "surface distances" that are not those of the same name elsewhere.
# On two overlapping blobs with one stray pixel: SimpleITK's GetAverageHausdorffDistance is 0.457 where the average
# symmetric surface distance (MedPy assd, MONAI 1.6.1 symmetric) is 2.558: it averages over all pixels of the objects,
# those inside the other counting 0, not over their outlines. MedPy's hd95 is 4.123 where MONAI's is 4.195: it takes
# the percentile of the distances of both outlines pooled, not the larger of the two percentiles. The full Hausdorff
# distance agrees (28.284).
# Output seen:
#   SimpleITK 2.5.7 medpy 0.5.2
#   SimpleITK hausdorff 28.2843 average 0.4569
#   MedPy hd 28.2843 hd95 4.1231 assd 2.5577, larger of the two percentiles 4.1948
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet SimpleITK==2.5.7 medpy==0.5.2
"$place/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
import SimpleITK as sitk
from medpy.metric import binary
from scipy.ndimage import binary_erosion, distance_transform_edt

y, x = np.mgrid[:64, :64]
truth = (y - 30) ** 2 + (x - 30) ** 2 < 144
found = (y - 32) ** 2 / 1.5 + (x - 27) ** 2 < 121
found[2, 2] = True

distances = sitk.HausdorffDistanceImageFilter()
distances.Execute(*(sitk.GetImageFromArray(mask.astype("uint8")) for mask in (found, truth)))
average = distances.GetAverageHausdorffDistance()
outlines = [mask & ~binary_erosion(mask) for mask in (found, truth)]
each = [distance_transform_edt(~other)[own] for own, other in (outlines, outlines[::-1])]
larger = max(np.percentile(one, 95) for one in each)
hd, hd95, assd = binary.hd(found, truth), binary.hd95(found, truth), binary.assd(found, truth)
print(f"SimpleITK {version('SimpleITK')} medpy {version('medpy')}")
print(f"SimpleITK hausdorff {distances.GetHausdorffDistance():.4f} average {average:.4f}")
print(f"MedPy hd {hd:.4f} hd95 {hd95:.4f} assd {assd:.4f}, larger of the two percentiles {larger:.4f}")
assert abs(average - 0.4569) < 1e-3 and abs(assd - 2.5577) < 1e-3
assert abs(hd95 - 4.1231) < 1e-3 and abs(larger - 4.1948) < 1e-3
assert abs(hd95 - np.percentile(np.concatenate(each), 95)) < 1e-9
PY
