"""The report of a card as a browser shows it, at the width of a phone and of a desktop."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from compact.demo import EXAMPLE
from compact.fitting import fit_loop
from compact.htmlreport import write_report
from compact.manual import write_manual
from compact.models import get_model
from compact.page import Facts, Failure, Note, Part, render_page
from compact.sections import SECTIONS, Section
from compact.simulators import Simulator
from compact.subject import Subject

PHONE, DESKTOP = 390, 1280
FACTS = Facts((("a", "b"),))
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
PROBE = """<script>
addEventListener("load", () => {
  const root = document.documentElement, wide = innerWidth;
  const scrolls = e => e.closest(".scroll") !== null;
  const out = [...document.body.querySelectorAll("*")]
    .filter(e => !scrolls(e) && e.getBoundingClientRect().right > wide + 0.5).map(e => e.tagName);
  const images = [...document.images];
  const text = [...document.querySelectorAll("p, td, dd, li")].map(e => parseFloat(getComputedStyle(e).fontSize));
  parent.postMessage(JSON.stringify({
    width: wide, scroll: root.scrollWidth, out: out,
    images: images.length, missing: images.filter(e => !e.complete || e.naturalWidth === 0).length,
    narrow: images.filter(e => e.getBoundingClientRect().width < 320).length,
    high: images.filter(e => Math.abs(e.width / e.height / (e.naturalWidth / e.naturalHeight) - 1) > 0.1).length,
    scrolling: [...document.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth).length,
    text: Math.min(...text),
    loaded: performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith("data:")),
  }), "*");
});
</script>"""
FRAME = """<!doctype html><body style="margin:0"><script>
addEventListener("message", e => {{ document.body.insertAdjacentHTML("beforeend", "<pre></pre>");
  document.querySelector("pre").textContent = e.data; }});
</script><iframe src="{page}" style="border:0;width:{width}px;height:{height}px;display:block"></iframe>"""


def browse(chromium: str, folder: Path, page: Path, width: int, *flags: str, height: int = 2000) -> str:
    """Open a page in a frame of that width (the browser's own windows are never as narrow as a phone)."""
    frame = folder / "frame.html"
    frame.write_text(FRAME.format(page=page.as_uri(), width=width, height=height), encoding="utf-8")
    profile = folder / "profile"
    shutil.rmtree(profile, ignore_errors=True)
    command = [chromium, *FLAGS, f"--user-data-dir={profile}", f"--window-size={max(width, 500)},{height}", *flags]
    done = subprocess.run(
        [*command, frame.as_uri()], capture_output=True, text=True, timeout=120, check=False, errors="replace"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def probe(chromium: str, folder: Path, page: Path, width: int) -> dict[str, Any]:
    """What a script that is put into a copy of the page sees."""
    text = page.read_text(encoding="utf-8")
    copy = folder / "copy.html"
    copy.write_text(POLICY.sub("", text).replace("</head>", PROBE + "</head>"), encoding="utf-8")
    dom = browse(chromium, folder, copy, width, "--virtual-time-budget=20000", "--dump-dom")
    (found,) = re.findall(r"<pre>(\{.*?\})</pre>", dom)
    content: dict[str, Any] = json.loads(found.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"))
    return content


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, chromium: str, ngspice: Simulator) -> Path:
    """A whole report, with a part that failed and one that does not apply."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copy(EXAMPLE, folder)
    card = fit_loop(folder / EXAMPLE.name, name="device").card
    long = "a_name_that_goes_on_and_on_without_a_place_to_break_it_" * 4
    odd = (
        Section("failed", "Failed", lambda subject: [Failure(f"[deck: /{long}/{long}.cir]"), Note(long)]),
        Section("absent", "Absent", SECTIONS["fit"].make),
    )
    path = folder / "page.html"
    subject = Subject(card, folder, simulators=("ngspice",), samples=8)
    made = [section for key, section in SECTIONS.items() if key != "qa"]  # its table is one like others, and takes long
    parts = write_report(subject, path, [*made, *odd])
    assert [part.key for part in parts if part.failed] == ["failed"]
    assert not [part.key for part in parts if part.absent]
    return path


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_nothing_sticks_out_and_everything_is_there(page: Path, chromium: str, tmp_path: Path, width: int) -> None:
    seen = probe(chromium, tmp_path, page, width)
    assert seen["width"] == width and seen["scroll"] == width and seen["out"] == []
    assert seen["images"] >= 6 and seen["missing"] == 0
    assert seen["narrow"] == 0 and seen["high"] == 0  # pictures are legible and keep their shape
    assert seen["loaded"] == []
    assert seen["text"] >= 14
    assert seen["scrolling"] > 0 if width == PHONE else seen["scrolling"] < seen["images"]


def test_the_probe_sees_what_is_wrong(chromium: str, tmp_path: Path) -> None:
    text = render_page("t", "l", FACTS, [Part("a", "A", (Note("x"),))], "f")
    wrong = (
        '<div style="width:700px">wide</div><img src="missing.png" alt=""><img src="https://example.com/a.png" alt="">'
    )
    path = tmp_path / "page.html"
    path.write_text(text.replace("</main>", wrong + "</main>"), encoding="utf-8")
    seen = probe(chromium, tmp_path, path, PHONE)
    assert seen["scroll"] > PHONE and "DIV" in seen["out"] and seen["missing"] == 2
    assert seen["loaded"] == ["https://example.com/a.png"]  # files beside the page are not listed, but do not load


def test_a_forbidden_request_is_not_even_tried(chromium: str, tmp_path: Path) -> None:
    """The page's own policy keeps it from loading anything, should something slip in."""
    text = render_page("t", "l", FACTS, [Part("a", "A", (Note("x"),))], "f")
    assert len(POLICY.findall(text)) == 1
    wrong = '<img src="dot.svg" alt="">'
    for kept, loads in ((text, False), (POLICY.sub("", text), True)):
        path = tmp_path / "page.html"
        (tmp_path / "dot.svg").write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"><rect width="300" height="300" '
            'fill="#ff0000"/></svg>'
        )
        path.write_text(kept.replace("</main>", wrong + "</main>"), encoding="utf-8")
        shot = tmp_path / "shot.png"
        browse(chromium, tmp_path, path, DESKTOP, f"--screenshot={shot}", height=900)
        pixels = (np.asarray(imread(shot))[..., :3] * 255).round().astype(int)
        red = np.all(pixels == (255, 0, 0), axis=-1).sum()
        assert (red > 1000) == loads


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_screenshots_show_text_and_pictures(page: Path, chromium: str, tmp_path: Path, width: int) -> None:
    shot = tmp_path / "shot.png"
    browse(chromium, tmp_path, page, width, f"--screenshot={shot}", height=4000)
    pixels = np.asarray(imread(shot))[:, :width, :3]
    assert pixels.shape[:2] == (4000, width)
    ink = np.any(np.abs(pixels - pixels[0, 0]) > 0.3, axis=-1)
    assert 0.01 < ink.mean() < 0.3
    assert ink[: pixels.shape[0] // 2].any(axis=1).mean() > 0.3  # no half of the page is empty
    assert not ink[:, : round(0.03 * width)].any() or width == DESKTOP  # nothing touches the edge of the phone


def test_the_manual_of_the_models_fits_a_phone(chromium: str, tmp_path: Path) -> None:
    page = write_manual([get_model("mtj"), get_model("auto_oscillator")], tmp_path / "models.html")
    seen = probe(chromium, tmp_path, page, PHONE)
    assert seen["scroll"] == PHONE and seen["out"] == [] and seen["loaded"] == []
    assert seen["text"] >= 14 and seen["scrolling"] > 0


def test_it_reads_without_scripts(page: Path) -> None:
    assert "<script" not in page.read_text(encoding="utf-8")
