"""The array of cells: what it writes and keeps, and arrays too large to be simulated as a stream of text."""

import itertools
import subprocess
import tracemalloc

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.circuits.array_1t1mtj import checkerboard
from compact.errors import CircuitError
from compact.simulators.rawfile import read_raw

ARRAY = get_circuit("array_1t1mtj")


@pytest.fixture(scope="module")
def card():
    return load_card("garcia_redondo_2021")


def test_only_the_chosen_word_changes(ngspice, card):
    bench = ARRAY.build(card, "generic", rows=3, columns=2, row=0)
    cells = [f"xc{row}_{column}.xmtj.z" for row in range(3) for column in range(2)]
    waves = ngspice.run(bench.netlist, bench.analysis, save=cells)
    start = np.sign([waves[cell][0] for cell in cells]).reshape(3, 2)
    end = np.sign([waves[cell][-1] for cell in cells]).reshape(3, 2)
    assert (start == checkerboard(3, 2)).all()
    assert (end[0] == -start[0]).all() and (end[1:] == start[1:]).all()


def test_stream_is_the_circuit(ngspice, card, tmp_path):
    settings = {"rows": 3, "columns": 4, "row": 2}
    bench = ARRAY.build(card, "generic", **settings)
    built = ngspice.run(bench.netlist, bench.analysis, save=bench.save)
    path = ARRAY.write(tmp_path / "array.cir", card, "generic", **settings)
    done = subprocess.run(["ngspice", "-b", "-r", "out.raw", path.name], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 0
    streamed = read_raw(tmp_path / "out.raw")
    assert streamed["v(xc2_1.xmtj.z)"][-1] == pytest.approx(built["xc2_1.xmtj.z"][-1], abs=1e-6)
    assert not list(tmp_path.glob(".array*"))


def test_stream_takes_any_data_in_little_memory(card):
    states = np.where(np.random.default_rng(1).random((256, 128)) < 0.5, -1, 1)
    tracemalloc.start()
    try:
        lines = ARRAY.lines(card, "generic", states, rows=256, columns=128)
        cells = [line for piece in lines for line in piece.splitlines() if line.startswith("xc7_")]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [int(line.rsplit("=", 1)[1]) for line in cells] == states[7].tolist()
    assert peak < 20e6


def test_wrong_use_is_refused(card):
    for settings, message in (
        ({"rows": 2.5}, "must be a whole number"),
        ({"rows": 4, "row": 4}, "is not one of the 4 rows"),
        ({"rows": 1000, "columns": 1000}, "too large to be built; stream it"),
    ):
        with pytest.raises(CircuitError, match=message):
            ARRAY.build(card, "generic", **settings)
    for states in (np.ones((2, 3)), np.zeros((4, 4))):
        with pytest.raises(CircuitError, match=r"4 x 4 values \+1 or -1"):
            next(itertools.islice(ARRAY.lines(card, "generic", states), 1))
