"""Circuits with their testbenches and measures."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from compact.circuits.array_1t1mtj import Array1T1Mtj
from compact.circuits.base import Circuit, Setting, Testbench
from compact.circuits.bursting_neuron import BurstingNeuron
from compact.circuits.cam import Cam
from compact.circuits.cell_1t1mtj import Cell1T1Mtj
from compact.circuits.cmos_adder import CmosAdder
from compact.circuits.crossbar import Crossbar
from compact.circuits.current_sense import CurrentSense
from compact.circuits.diode_receiver import DiodeReceiver
from compact.circuits.envelope_detector import EnvelopeDetector
from compact.circuits.fpga_tile import FpgaTile
from compact.circuits.lif_neuron import LifNeuron
from compact.circuits.lut import Lut
from compact.circuits.mram import Mram
from compact.circuits.nv_adder import NvAdder
from compact.circuits.nvff import Nvff
from compact.circuits.pattern_network import PatternNetwork
from compact.circuits.pbit import Pbit
from compact.circuits.pcsa import Pcsa
from compact.circuits.power_gate import PowerGate
from compact.circuits.spcsa import Spcsa
from compact.circuits.stdp_synapse import StdpSynapse
from compact.circuits.sto_bias_tee import StoBiasTee
from compact.circuits.sto_coupled import StoCoupled
from compact.circuits.sto_fm import StoFm
from compact.circuits.sto_lock import StoLock
from compact.circuits.sto_pll import StoPll
from compact.circuits.stochastic_synapse import StochasticSynapse
from compact.circuits.strongarm import Strongarm
from compact.circuits.superparamagnetic_neuron import SuperparamagneticNeuron
from compact.circuits.trng import Trng
from compact.circuits.wall_logic import WallLogic
from compact.circuits.write_verify import WriteVerify
from compact.errors import CircuitError, unknown

__all__ = ["CIRCUITS", "Circuit", "Setting", "Testbench", "get_circuit"]

CIRCUITS: Mapping[str, Circuit] = MappingProxyType(
    {
        circuit.name: circuit
        for circuit in (
            Cell1T1Mtj(),
            Pcsa(),
            Spcsa(),
            Strongarm(),
            CurrentSense(),
            Array1T1Mtj(),
            Mram(),
            Cam(),
            NvAdder(),
            CmosAdder(),
            Lut(),
            Nvff(),
            PowerGate(),
            FpgaTile(),
            Trng(),
            Pbit(),
            Crossbar(),
            StdpSynapse(),
            StochasticSynapse(),
            WriteVerify(),
            StoBiasTee(),
            StoFm(),
            StoLock(),
            StoCoupled(),
            StoPll(),
            DiodeReceiver(),
            EnvelopeDetector(),
            LifNeuron(),
            SuperparamagneticNeuron(),
            PatternNetwork(),
            WallLogic(),
            BurstingNeuron(),
        )
    }
)


def get_circuit(name: str) -> Circuit:
    """A circuit by name.

    Raises
    ------
    CircuitError
        If there is none of that name.
    """
    try:
        return CIRCUITS[name]
    except KeyError:
        raise CircuitError(unknown("circuit", name, CIRCUITS)) from None
