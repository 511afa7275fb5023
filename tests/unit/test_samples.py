"""The results file: written as samples come, continued after an interruption."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compact.errors import StatisticsError
from compact.samples import FORMAT, SampleFile, read_samples

HEADER = {
    "format": FORMAT,
    "plan": {"circuit": "pcsa", "seed": 1, "settings": {"vdd": 1.2}},
    "variables": ["a", "b"],
    "measures": {
        "delay": {"unit": "s", "low": 0, "high": 3.0, "description": "", "typical": 1.0},
        "energy": {"unit": "J", "low": 0, "high": None, "description": "", "typical": 1.0},
    },
}


def row(k: int, delay: float | None = 1.0) -> dict:
    return {"sample": k, "measures": {"delay": delay, "energy": 2.0}}


def test_what_was_written_is_read_whatever_the_order(tmp_path: Path):
    path = tmp_path / "deep" / "s.jsonl"
    with SampleFile(path, HEADER) as file:
        file.append([row(3, None), row(0)])
        file.append([{"sample": 1, "error": "no convergence", "deck": "x/circuit.cir"}, row(2, 5.0)])
        assert [r["sample"] for r in read_samples(path).rows] == [0, 1, 2, 3]
        file.finish()
    found = read_samples(path)
    assert [json.loads(line).get("sample") for line in path.read_text().splitlines()] == [None, 0, 1, 2, 3]
    np.testing.assert_array_equal(found.values("delay"), [1.0, np.nan, 5.0, np.nan])
    # too slow, never and not simulated: none of them is good, none is lost
    assert found.passed().tolist() == [True, False, False, False]
    assert found.passed(["energy"]).tolist() == [True, False, True, True]
    assert [r["sample"] for r in found.failures] == [1]


@pytest.mark.parametrize("cut", range(1, 50, 6))  # within the last line
def test_half_a_line_is_dropped_and_run_again(tmp_path: Path, cut: int):
    path = tmp_path / "s.jsonl"
    with SampleFile(path, HEADER) as file:
        file.append([row(0), row(1)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with SampleFile(path, HEADER, resume=True) as file:
        assert sorted(file.rows) == [0]
        file.append([row(1)])
        file.finish()
    assert path.read_bytes() == whole


def test_nothing_is_written_twice(tmp_path: Path):
    path = tmp_path / "s.jsonl"
    with SampleFile(path, HEADER) as file:
        file.append([row(0)])
    with SampleFile(path, HEADER, resume=True) as file:
        file.append([row(0, 2.0), row(1)])
    assert read_samples(path).values("delay").tolist() == [1.0, 1.0]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path):
    path = tmp_path / "s.jsonl"
    SampleFile(path, HEADER).close()
    before = path.read_bytes()
    with pytest.raises(StatisticsError, match="is there already; continue it with --resume"):
        SampleFile(path, HEADER)
    assert path.read_bytes() == before


def test_another_analysis_is_not_continued(tmp_path: Path):
    path = tmp_path / "s.jsonl"
    SampleFile(path, HEADER).close()
    other = {**HEADER, "plan": {"circuit": "pcsa", "seed": 1, "settings": {"vdd": 1.1}}}
    with pytest.raises(StatisticsError, match=r"another analysis: settings.vdd is 1.2 there and 1.1 here"):
        SampleFile(path, other, resume=True)


@pytest.mark.parametrize("text", ["", "hello\n", '{"format":"other/1"}\n', '{"format":"spinbricks-samples/1"}\n'])
def test_other_files_are_not_taken_for_results(tmp_path: Path, text: str):
    path = tmp_path / "s.jsonl"
    path.write_text(text)
    with pytest.raises(StatisticsError, match="no results file of samples"):
        read_samples(path)


def test_damage_in_the_middle_is_named(tmp_path: Path):
    path = tmp_path / "s.jsonl"
    with SampleFile(path, HEADER) as file:
        file.append([row(0), row(1)])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:20], lines[2]]) + "\n")
    with pytest.raises(StatisticsError, match="line 2 is no sample"):
        SampleFile(path, HEADER, resume=True)


def test_two_runs_do_not_write_one_file(tmp_path: Path):
    path = tmp_path / "s.jsonl"
    code = (
        "import sys, time\nfrom compact.samples import SampleFile\nfrom tests_header import HEADER\n"
        f"file = SampleFile({str(path)!r}, HEADER)\nprint('open', flush=True)\nsys.stdin.read()\n"
    )
    (tmp_path / "tests_header.py").write_text(f"HEADER = {HEADER!r}\n")
    first = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, text=True
    )
    try:
        assert first.stdout and first.stdout.readline() == "open\n"
        with pytest.raises(StatisticsError, match="is being written by another run"):
            SampleFile(path, HEADER, resume=True)
    finally:
        first.communicate("")
    SampleFile(path, HEADER, resume=True).close()


def test_full_disk_is_said_and_costs_no_sample(tmp_path: Path):
    """A limit on the size of files acts in the kernel as a full disk does."""
    path = tmp_path / "s.jsonl"
    (tmp_path / "tests_header.py").write_text(f"HEADER = {HEADER!r}\n")
    code = (
        "import resource, signal\nfrom compact.errors import StatisticsError\nfrom compact.samples import SampleFile\n"
        "from tests_header import HEADER\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"file = SampleFile({str(path)!r}, HEADER)\n"
        "try:\n    file.append({'sample': k, 'measures': {'delay': 1.0, 'energy': 2.0}} for k in range(100))\n"
        "except StatisticsError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout and "samples are kept there, continue with --resume" in done.stdout
    kept = read_samples(path).rows
    assert 5 < len(kept) < 20 and f"{len(kept)} samples are kept" in done.stdout
    with SampleFile(path, HEADER, resume=True) as file:
        assert len(file.rows) == len(kept)
        file.append(row(k) for k in range(100))
        file.finish()
    assert read_samples(path).numbers.tolist() == list(range(100))


def test_unknown_measure_is_named(tmp_path: Path):
    with SampleFile(tmp_path / "s.jsonl", HEADER) as file, pytest.raises(StatisticsError, match="did you mean 'delay'"):
        file.samples().values("dealy")
