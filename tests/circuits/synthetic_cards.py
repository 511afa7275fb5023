"""Synthetic cards for circuits that no published card fits."""

from compact.cards import load_card
from compact.parameters import ParameterSet

__all__ = ["SYNTHETIC", "hopping_card", "network_card", "wall_card"]

WALL = {
    "r_p": 2.5e3, "tmr": 1.5, "v_h": 1.0, "ms": 8e5, "alpha": 0.05, "h_k": 2e5, "wall_width": 15e-9, "length": 240e-9,
    "width_ref": 60e-9, "width": 60e-9, "thickness": 2e-9, "polarisation": 0.3, "fl_ratio": 0.1, "site_width": 15e-9,
    "site_1": 0.2, "h_site_1": 350.0, "site_2": 0.8, "h_site_2": 350.0, "r_wire": 500.0, "p_wire": -0.6, "beta": 0.1,
}  # fmt: skip
HOPPING = {
    "r_p": 3.75e3, "tmr": 1.05, "v_h": 1.0, "ic_p2ap": 40e-6, "ic_ap2p": 40e-6, "delta": 60.0, "tau_d": 1e-9,
    "rs": 0.06, "v_set": 2.0, "v_reset": -2.0, "fl_2": 0.21 / 0.15**2,
}  # fmt: skip


def wall_card() -> ParameterSet:
    """A wire with two pinning sites whose gates invert."""
    return ParameterSet(model="domain_wall_track", name="synthetic_wire", values=WALL)


def hopping_card(**values: float) -> ParameterSet:
    """A junction whose field-like torque opposes the in-plane one above half a volt."""
    return ParameterSet(model="mgo_memristive", name="hopping", values=HOPPING | values)


def network_card() -> ParameterSet:
    """The published device with a barrier of 20 Ohm um2, so that transistors can drive it."""
    return load_card("chanthbouala_2011").replace("thick_barrier", r_p=10e3, tmr=1.5, v_h=1.0)


SYNTHETIC = {"wall_logic": wall_card, "bursting_neuron": hopping_card, "pattern_network": network_card}
"""By the name of the circuit."""
