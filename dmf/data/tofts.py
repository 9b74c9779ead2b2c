"""Contrast agent in tissue, and the magnetic resonance signal it makes.

Reference:
    Tofts, Modeling tracer kinetics in dynamic Gd-DTPA MR imaging, JMRI 7 (1997), 91-101; plasma curve: Weinmann et al.,
    Physiol. Chem. Phys. 16 (1984), 167-172.
"""

import numpy as np
from numpy.typing import NDArray

DOSE = 0.1  # mmol per kg
PLASMA = ((3.99, 0.144), (4.78, 0.0111))  # kg/l and 1/min of the two exponentials
RELAXIVITY = 4.5  # 1/(s mmol/l) at 1.5 T
REPETITION, FLIP = 0.012, np.deg2rad(25.0)  # s, rad: weighted by T1

Field = NDArray[np.float32]


def plasma(minutes: float) -> float:
    """Concentration of contrast agent in blood plasma, in mmol/l."""
    return DOSE * sum(weight * float(np.exp(-rate * minutes)) for weight, rate in PLASMA)


def concentration(minutes: float, transfer: Field, space: Field, blood: Field) -> Field:
    r"""Contrast agent in tissue, in mmol/l, as of the extended Tofts model.

    .. math:: C(t) = v_p C_p(t) + K \int_0^t C_p(u) \, e^{-K (t - u) / v_e} \, du

    Args:
        minutes: t, since the injection.
        transfer: K, per minute.
        space: v_e, above 0.
        blood: v_p.
    """
    back = transfer / space
    tissue = blood * plasma(minutes)
    for weight, rate in PLASMA:
        gap = back - rate
        gap = np.where(np.abs(gap) < 1e-6, 1e-6, gap)  # where both rates agree the quotient has the same limit
        tissue = tissue + DOSE * weight * transfer * (np.exp(-rate * minutes) - np.exp(-(rate + gap) * minutes)) / gap
    return np.asarray(tissue, dtype=np.float32)


def signal(density: Field, t1: Field, agent: Field) -> Field:
    r"""Signal of a spoiled gradient echo, as a share of that of fully magnetised water.

    .. math:: S = \rho \sin\alpha \frac{1 - E}{1 - E \cos\alpha}, \quad E = e^{-T_R (1 / T_1 + r_1 C)}
    """
    decay = np.exp(-REPETITION * (1 / t1 + RELAXIVITY * agent))
    return np.asarray(density * np.sin(FLIP) * (1 - decay) / (1 - decay * np.cos(FLIP)), dtype=np.float32)
