import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dmf.data import tofts


def at(minutes: float, transfer: float, space: float, blood: float) -> float:
    return float(tofts.concentration(minutes, *(np.float32([value]) for value in (transfer, space, blood)))[0])


@pytest.mark.parametrize("minutes", [0.5, 10.0, 60.0])
@pytest.mark.parametrize(("transfer", "space", "blood"), [(0.16, 0.3, 0.06), (0.011, 0.55, 0.02), (0.0, 0.2, 0.55)])
def test_concentration_solves_the_equation_of_two_compartments(minutes, transfer, space, blood):
    # dC_e/dt = K C_p - (K / v_e) C_e, and C = v_p C_p + C_e.
    leaked = solve_ivp(
        lambda t, c: transfer * tofts.plasma(t) - transfer / space * c, (0, minutes), [0.0], rtol=1e-9, atol=1e-12
    ).y[0, -1]
    assert at(minutes, transfer, space, blood) == pytest.approx(blood * tofts.plasma(minutes) + leaked, rel=2e-4)


def test_where_leaking_back_is_as_fast_as_the_plasma_clears_there_is_no_division_by_zero():
    rate = tofts.PLASMA[1][1]
    near, exact = at(60, rate * 0.5 * 1.01, 0.5, 0), at(60, rate * 0.5, 0.5, 0)
    assert exact == pytest.approx(near, rel=0.02)


def test_a_tumour_washes_out_and_a_scar_fills():
    assert at(10, 0.16, 0.3, 0.06) > 1.5 * at(60, 0.16, 0.3, 0.06)
    assert at(60, 0.011, 0.55, 0.02) > 1.5 * at(10, 0.011, 0.55, 0.02)


def test_agent_shortens_t1_and_brightens_up_to_the_signal_of_full_magnetisation():
    density, t1 = np.float32([0.8]), np.float32([1.2])
    values = [float(tofts.signal(density, t1, np.float32([agent]))[0]) for agent in (0, 0.5, 1, 1e6)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(0.8 * np.sin(tofts.FLIP))
