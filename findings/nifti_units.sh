#!/usr/bin/env bash
# nibabel 5.4.2, SimpleITK 2.5.7: a NIfTI file in micrometres has one spacing for nibabel and another for SimpleITK.
#
# The header says in which unit the sides of a voxel are (xyzt_units). nibabel returns zooms and affine as they are
# written, in that unit, and get_xyzt_units() must be asked for it; SimpleITK turns spacing and origin into millimetres.
# So a file of microscopy or micro-CT read by the one and measured by the other is wrong by 1,000, without a word.
#
# Output seen:
#   nibabel 5.4.2: zooms (500, 700, 2000), origin (1000, 2000, 3000), unit micron
#   SimpleITK 2.5.7: spacing (0.5, 0.7, 2), origin (-1, -2, 3)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 nibabel==5.4.2 SimpleITK==2.5.7
"$folder/venv/bin/python" - "$folder/a.nii" <<'PY'
import sys
from importlib.metadata import version

import nibabel
import numpy as np
import SimpleITK as sitk

affine = np.diag([500.0, 700, 2000, 1])
affine[:3, 3] = 1000, 2000, 3000
image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), affine)
image.header.set_xyzt_units("micron")
nibabel.save(image, sys.argv[1])


def told(values):
    return f"({', '.join(f'{value:g}' for value in values)})"


one, other = nibabel.load(sys.argv[1]), sitk.ReadImage(sys.argv[1])
zooms, origin = one.header.get_zooms(), one.affine[:3, 3]
unit = one.header.get_xyzt_units()[0]
print(f"nibabel {version('nibabel')}: zooms {told(zooms)}, origin {told(origin)}, unit {unit}")
print(f"SimpleITK {version('SimpleITK')}: spacing {told(other.GetSpacing())}, origin {told(other.GetOrigin())}")
assert told(zooms) == "(500, 700, 2000)", zooms
assert told(other.GetSpacing()) == "(0.5, 0.7, 2)", other.GetSpacing()
assert told(other.GetOrigin()) == "(-1, -2, 3)", other.GetOrigin()
PY
