"""The report of a card: what stands in it, what it does when something fails, and that it needs nothing else."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from compact import cli
from compact.cards import load_card
from compact.demo import EXAMPLE
from compact.errors import CircuitError
from compact.fitting import fit_loop
from compact.htmlreport import write_report
from compact.page import Block, Facts, Failure, Note, Part, Picture, Table, render_page
from compact.refit import DataFile, find_data
from compact.sections import SECTIONS, Section
from compact.simulators import Simulator
from compact.subject import Subject

FAILED, WRONG, INTERRUPTED = 1, 2, 130
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Elements of a page; tags must be closed in order."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        """Attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        """What there is to read."""
        return " ".join(" ".join(self.words).split())


def checked(path: Path) -> Page:
    """A page, after what every page must fulfil."""
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    names = [a["id"] for _, a in page.elements if "id" in a]
    assert len(names) == len(set(names))
    for tag, attributes in page.elements:
        assert tag not in ("script", "iframe", "object", "embed", "video", "audio", "form", "base")
        assert not [name for name in attributes if name.startswith("on") or name in ("srcset", "background", "poster")]
        for name in ("src", "href"):
            target = attributes.get(name, "data:")
            assert target.startswith("data:") or (target[:1] == "#" and target[1:] in names), target
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(style) == 1 and not re.search(r"url\(|@import|@font-face|http", style[0])
    for image in page.all("img"):
        assert len(image["alt"]) > 20 and int(image["width"]) > 0 and int(image["height"]) > 0
    for region in (a for a in page.all("div") if a.get("role") == "region"):
        assert region["aria-label"] and region["tabindex"] == "0"
    assert all(a["scope"] in ("row", "col") for a in page.all("th"))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    return page


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card beside the synthetic loops it was fitted to."""
    folder = tmp_path_factory.mktemp("fitted")
    shutil.copy(EXAMPLE, folder)
    path = folder / "device.json"
    fit_loop(folder / EXAMPLE.name, name="device").card.save(path)
    return path


def cells(html: str) -> list[str]:
    return re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", html)


# ---------------------------------------------------------------------------------------------- pieces


def test_text_is_escaped_and_verdicts_are_counted(tmp_path: Path) -> None:
    table = Table(
        "a < b & c", ("x", "<y>", ""), [("r", "1", "pass"), ("<s>", "2", "FAIL")], ("<y>",), frozenset({(1, 1)})
    )
    part = Part("one", "One", (table, Note("<b>no</b>")))
    path = tmp_path / "page.html"
    path.write_text(render_page("t & t", "lead", Facts((("a", "b"), ("empty", ""))), [part], "end"), encoding="utf-8")
    page = checked(path)
    assert "<b>no</b>" in page.text and "a < b & c" in page.text and "empty" not in page.text
    assert (part.count("pass"), part.count("FAIL"), part.summary) == (1, 1, ("bad", "1 of 2 fail"))
    classes = {a["class"] for a in page.all("td")}
    assert classes == {"number", "number worst", "good", "bad"}
    assert [a["class"] for a in page.all("th")] == ["text", "number", "text", "text", "text"]


def test_parts_say_what_came_of_them() -> None:
    assert Part("a", "A", (Note("x"),)).summary == ("text", "")
    assert Part("a", "A", (), "why").summary == ("absent", "does not apply")
    assert "why" in Part("a", "A", (), "why").html
    assert Part("a", "A", (Failure("x"),)).summary == ("bad", "could not be made")
    assert Part("a", "A", (Note("y"), Failure("two\nlines"))).failures == ["two lines"]
    assert Part("a", "A", (Note("y"), Failure("x"))).summary == ("bad", "not complete")


def test_pictures_are_the_same_twice_and_heavy_ones_are_pixels() -> None:
    from matplotlib.figure import Figure

    def draw(path: Path, points: int) -> None:
        figure = Figure(figsize=(4, 3))
        figure.add_subplot().plot(range(points), [(7919 * k) % 1009 for k in range(points)], "o-")
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)

    light = Picture.drawn(lambda path: draw(path, 20), "a line")
    assert light == Picture.drawn(lambda path: draw(path, 20), "a line")
    assert light.source.startswith("data:image/svg+xml;base64,") and (light.width, light.height) == (384, 288)
    heavy = Picture.drawn(lambda path: draw(path, 10000), "many points")
    kind, _, content = heavy.source.partition(",")
    assert kind == "data:image/png;base64" and base64.b64decode(content)[1:4] == b"PNG"
    assert (heavy.width, heavy.height) == (384, 288)


# -------------------------------------------------------------------------------------------- contents


def test_the_card_is_all_there(tmp_path: Path) -> None:
    card = load_card("rehm_2023")
    path = tmp_path / "page.html"
    write_report(Subject(card), path, [SECTIONS["card"]])
    page = checked(path)
    html = path.read_text(encoding="utf-8")
    for p in card.definition.parameters:
        assert (p.name in cells(html)) == (p.scope == "model")
    for text in (*card.derived, *card.undetermined.values(), card.provenance.citation, card.provenance.sha256):
        assert text in page.text
    assert "168.4 ± 7.6" in page.text  # delta
    for (a, b), r in card.correlations.items():
        row = next(line for line in html.splitlines() if f'"row" class="text">{a}<' in line and f"{r:+.2f}" in line)
        assert row, b
    assert len(page.all("ul")) == 1 and all(note in page.text for note in card.notes)


def test_the_fit_is_drawn_from_the_data_beside_the_card(fitted: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert cli.run(["report", str(fitted), "--section", "fit", "-o", str(path)]) == 0
    page = checked(path)
    assert len(page.all("img")) == 1 and "their SHA-256 is in it" in page.text
    html = path.read_text(encoding="utf-8")
    rows = [cells(line) for line in html.splitlines() if line.startswith("<tr><th") and len(cells(line)) == 5]
    card = type(load_card("ikeda_2010")).load(fitted)
    assert {row[0] for row in rows} == {name for name, error in card.stderr.items() if error}
    assert all(float(row[3]) == 0 for row in rows)


def test_data_that_are_not_those_of_the_card_are_told(fitted: Path, tmp_path: Path) -> None:
    card = type(load_card("ikeda_2010")).load(fitted)
    files, what = find_data(card, fitted.parent)
    assert [f.name for f in files] == [EXAMPLE.name] and "SHA-256 is in it" in what
    assert find_data(card, tmp_path)[0] == [] and "not beside it" in find_data(card, tmp_path)[1]
    other = tmp_path / EXAMPLE.name
    other.write_text(EXAMPLE.read_text() + "\n")
    assert find_data(card, tmp_path)[0] == [] and "differs" in find_data(card, tmp_path)[1]
    files, what = find_data(card, fitted.parent, [DataFile(other)])
    assert [f.path for f in files] == [other] and "does not name" in what
    assert find_data(load_card("ikeda_2010"), tmp_path) == (
        [],
        "The card names no data file; give measured data with --data.",
    )


def test_switching_probabilities_need_their_columns(shared_data: Path, tmp_path: Path) -> None:
    data = str(shared_data / "switching" / "rehm2023_p_vs_voltage_300K.txt")
    arguments = ["report", "rehm_2023", "--section", "fit", "--data", data, "-o", str(tmp_path / "page.html"), "--json"]
    told = ["--columns", "voltage=1,probability=2", "--pulse-width", "1n", "--count", "10000"]
    assert cli.run(arguments) == FAILED
    assert cli.run([*arguments, *told]) == 0
    assert "binomial likelihood" in checked(tmp_path / "page.html").text


def test_write_errors_are_those_of_the_card(tmp_path: Path) -> None:
    from compact.writing import write_errors

    card = load_card("ikeda_2010")
    path = tmp_path / "page.html"
    write_report(Subject(card), path, [SECTIONS["wer"]])
    page = checked(path)
    assert len(page.all("img")) == 2
    rows = [cells(line) for line in path.read_text(encoding="utf-8").splitlines() if "AP → P" in line and "<td" in line]
    assert len(rows) == 5
    for row in rows:
        voltage, unit = row[1].split()
        volts = float(voltage) * {"V": 1, "mV": 1e-3}[unit]
        needed = write_errors(card, [1e-9], voltage=volts).pulse_for([1e-6])[0, 0]
        shown, unit = row[3].split()
        # The voltage is shown with three digits, and the pulse depends on it more steeply than in proportion.
        assert float(shown) * {"ns": 1e-9, "ps": 1e-12}[unit] == pytest.approx(needed, rel=0.05)


def test_what_does_not_apply_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    subject = Subject(load_card("kim_2015_interface"))
    parts = write_report(subject, path, [SECTIONS[k] for k in ("circuits", "monte-carlo", "wer", "fit")])
    assert all(part.absent and not part.failed and not part.blocks for part in parts)
    assert all(len(part.absent.splitlines()) == 1 for part in parts)
    assert "mtj_macrospin" in checked(path).text


@pytest.fixture(scope="module")
def simulated(ngspice: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of everything that is simulated with transistors."""
    path = tmp_path_factory.mktemp("simulated") / "page.html"
    names = ("circuits", "corners", "shmoo", "monte-carlo")
    sections = [x for name in names for x in ("--section", name)]
    told = ["--circuit", "pcsa", "-s", "ngspice", "--samples", "20"]
    assert cli.run(["report", "ikeda_2010", *sections, *told, "-o", str(path)]) == 0
    return path


def rows_of(path: Path, caption: str) -> list[list[tuple[str, str]]]:
    """Class and text of the cells of a table, by row."""
    html = path.read_text(encoding="utf-8")
    (table,) = [t for t in re.findall(r"<table.*?</table>", html, re.DOTALL) if f'<table aria-label="{caption}' in t]
    body = table.partition("<tbody>")[2]
    return [re.findall(r'<t[hd][^>]*class="([^"]*)">(.*?)</t[hd]>', row) for row in body.split("</tr>") if "<t" in row]


def test_circuits_are_simulated_and_measured(simulated: Path) -> None:
    page = checked(simulated)
    assert len(page.all("img")) == 3  # waveforms, corners, histograms
    rows = rows_of(simulated, "pcsa: pre-charge")
    assert {row[0][1] for row in rows} >= {"delay_0", "decision_1", "energy_0"}
    assert all(row[3] == ("good", "pass") for row in rows)


def test_the_worst_corner_is_marked(simulated: Path) -> None:
    rows = rows_of(simulated, "pcsa: all corners")
    assert len(rows) == 37
    delays = [float(row[4][1].removesuffix(" ps")) for row in rows]
    marked = [k for k, row in enumerate(rows) if "worst" in row[4][0]]
    assert len(marked) == 1 and delays[marked[0]] == max(delays) > 1.2 * delays[0]
    cmos, mtj, _, supply = (text for _, text in rows[marked[0]][:4])
    assert (cmos, mtj, supply) == ("ss", "ss", "90 %")
    (first,) = [row for row in rows_of(simulated, "pcsa: typical and worst") if row[0][1] == "delay_0"]
    assert float(first[1][1].split()[0]) == delays[0] and float(first[2][1].split()[0]) == max(delays)


def test_the_shmoo_works_at_the_supply_and_fails_far_below(simulated: Path) -> None:
    rows = {row[0][1]: [text for _, text in row[1:]] for row in rows_of(simulated, "pcsa: where all")}
    assert rows["100 %"] == ["works"] * 5 and set(rows["30 %"]) == {"fails"}


def test_the_yield_has_its_interval(simulated: Path) -> None:
    row = rows_of(simulated, "20 samples of pcsa")[-1]
    low, high = (float(x) for x in re.findall(r"[\d.]+", row[6][1]))
    share = float(row[5][1].split()[0])
    assert low <= share <= high
    if share == 100:  # Clopper and Pearson's closed form for no failure in n
        assert low == pytest.approx(100 * 0.025 ** (1 / 20), rel=1e-3)


# -------------------------------------------------------------------------------------------- failures


def half(subject: Subject) -> Iterator[Block]:
    yield Note("so far")
    raise CircuitError("a wire\nis missing")


def broken(subject: Subject) -> Iterator[Block]:
    raise ZeroDivisionError("by zero")
    yield


def test_a_part_that_fails_says_so_and_the_others_are_there(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    sections = [Section("half", "Half", half), Section("broken", "Broken", broken), SECTIONS["card"]]
    parts = write_report(Subject(load_card("ikeda_2010")), path, sections)
    assert [part.failed for part in parts] == [True, True, False]
    text = checked(path).text
    assert "so far" in text and "a wire is missing" in text and "unexpected ZeroDivisionError: by zero" in text
    assert "not made or not complete: half, broken" in text


def test_the_exit_code_says_that_a_part_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from compact import sections

    monkeypatch.setattr(sections, "SECTIONS", {"half": Section("half", "Half", half)})
    path = tmp_path / "page.html"
    assert cli.run(["report", "ikeda_2010", "-o", str(path)]) == FAILED
    assert "a wire is missing" in capsys.readouterr().out and path.is_file()


def test_no_simulator_is_a_failed_part_and_no_crash(tmp_path: Path) -> None:
    subject = Subject(load_card("ikeda_2010"), simulators=())
    parts = write_report(subject, tmp_path / "page.html", [SECTIONS["circuits"], SECTIONS["card"]])
    assert [part.failed for part in parts] == [True, False] and "circuits cannot be simulated" in parts[0].failures[0]


def interrupted(subject: Subject) -> Iterator[Block]:
    yield Note("so far")
    raise KeyboardInterrupt


def test_an_interrupt_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compact import sections

    path = tmp_path / "page.html"
    path.write_text("old")
    monkeypatch.setattr(sections, "SECTIONS", {"card": SECTIONS["card"], "stop": Section("stop", "Stop", interrupted)})
    assert cli.run(["report", "ikeda_2010", "-o", str(path)]) == INTERRUPTED
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("code", "says", "arguments"),
    [
        (WRONG, "did you mean 'pcsa'", ["ikeda_2010", "--circuit", "pcsaa"]),
        (WRONG, "did you mean 'ikeda_2010'", ["ikeda_2011"]),
        (WRONG, "no such file", ["nowhere/card.json"]),
        (WRONG, "takes no card of model telegraph; those that do: ", ["schnitzspan_2023", "--circuit", "pcsa"]),
        (WRONG, "none of the library does", ["kim_2015_interface", "--circuit", "pcsa"]),
        (WRONG, "unknown section 'cards'; did you mean 'card'", ["ikeda_2010", "--section", "cards"]),
        (WRONG, "either --section or --skip", ["ikeda_2010", "--section", "card", "--skip", "qa"]),
        (WRONG, "no part of the report is left", ["ikeda_2010", *(x for k in SECTIONS for x in ("--skip", k))]),
        (WRONG, "a report is a .html file", ["ikeda_2010", "-o", "page.pdf"]),
        (WRONG, "unknown technology", ["ikeda_2010", "-t", "sky13"]),
        (WRONG, "unknown simulator", ["ikeda_2010", "-s", "spice"]),
        (WRONG, "no such file", ["ikeda_2010", "--data", "loop.csv"]),
        (WRONG, "belong to files given by --data", ["ikeda_2010", "--pulse-width", "1n"]),
        (FAILED, "cannot write into", ["ikeda_2010", "-o", "/proc/none/page.html"]),
    ],
)
def test_wrong_input(
    code: int, says: str, arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert cli.run(["report", *arguments]) == code
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: ") and err.count("\n") == 1 and says in err
    assert not list(tmp_path.iterdir())


def test_a_folder_takes_a_page_of_the_cards_name(tmp_path: Path) -> None:
    assert cli.run(["report", "ikeda_2010", "--section", "card", "-o", str(tmp_path)]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["report_ikeda_2010.html"]
