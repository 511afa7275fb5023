"""Compact models of spin-torque devices: from a measured curve to Verilog-A, SPICE and a working circuit."""

__version__ = "0.1.0"
