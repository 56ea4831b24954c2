"""The film of a run: its page, its pictures, and charts as SVG."""

import json
import math
import re

import pytest
from PIL import Image

from zoo.errors import InvalidInput
from zoo.reports.charts import Chart
from zoo.reports.gallery import films


@pytest.fixture
def run(tmp_path):
    """A run of a GAN with ten lines, a loss of which is no number, and pictures at three steps, one of them torn."""
    folder = tmp_path / "gan-digits" / "run"
    (folder / "samples").mkdir(parents=True)
    lines = [
        {
            "step": step,
            "losses": {"generator": None if step == 300 else step / 1000, "<b>": 1},
            "gradients": {"generator": 10.0 ** -(step // 100)},
            "outputs": {"real": 0.9, "fake": 0.25},
            "kind": "probability",
        }
        for step in range(100, 1100, 100)
    ]
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for step in (500, 1000):
        Image.new("RGB", (8, 8), (step // 5, 0, 0)).save(folder / "samples" / f"{step:06d}.png")
    (folder / "samples" / "001100.png").write_bytes(b"\x89PNG torn")
    return folder


def points(svg):
    """Of each curve, its strokes, each a list of points."""
    curves = re.findall(r'class="curve[^"]*" d="([^"]*)"', svg)
    strokes = [[part for part in curve.split("M") if part] for curve in curves]
    return [[[tuple(map(float, p.split())) for p in s.replace("h.1", "").split("L")] for s in each] for each in strokes]


def test_a_film(run, tmp_path):
    film = films.write(run.parent, tmp_path / "film")
    assert (film.lines, film.pictures) == (10, 2)
    assert film.size == sum(path.stat().st_size for path in film.folder.rglob("*") if path.is_file())
    text = (film.folder / "index.html").read_text(encoding="utf-8")
    about = json.loads(re.search(r'id="about">(.*?)</script>', text)[1])
    assert about["samples"] == [[500, "samples/000500.png"], [1000, "samples/001000.png"]]
    assert about["steps"] == [*range(100, 1100, 100)]
    assert about["charts"][0]["generator"][2:4] == [[300, None], [400, 0.4]]
    assert (film.folder / "samples" / "000500.png").read_bytes() == (run / "samples" / "000500.png").read_bytes()
    assert "<h1>gan-digits</h1>" in text
    assert "The generator&#x27;s loss is no finite number at step 300." in text
    assert "The log has no coverage of the data: what shows in them could not be judged." in text
    assert text.count("<svg") == 3
    assert "<b>" not in text
    assert ' style="' not in text  # which the page's own policy would refuse
    for target in re.findall(r'(?:src|href)="([^":]+)"', text):
        assert (film.folder / target).exists(), target


def test_fields_are_gone_through_too(run, tmp_path):
    (run / "fields").mkdir()
    Image.new("RGB", (8, 8)).save(run / "fields" / "000700.png")
    (run / "fields" / "000900.png").write_bytes(b"torn")
    film = films.write(run, tmp_path / "film", home="../../index.html")
    assert film.pictures == 3
    text = (film.folder / "index.html").read_text(encoding="utf-8")
    assert json.loads(re.search(r'id="about">(.*?)</script>', text)[1])["fields"] == [[700, "fields/000700.png"]]
    assert [path.name for path in (film.folder / "fields").iterdir()] == ["000700.png"]
    assert '<a href="../../index.html">' in text
    assert "<nav>" not in (films.write(run, tmp_path / "alone").folder / "index.html").read_text(encoding="utf-8")


def test_it_is_written_over_a_film_alone(run, tmp_path):
    film = tmp_path / "film"
    films.write(run, film)
    with pytest.raises(InvalidInput, match="is there already"):
        films.write(run, film)
    (film / "old.txt").touch()
    films.write(run, film, force=True)
    assert not (film / "old.txt").exists()
    (film / "film.js").unlink()
    with pytest.raises(InvalidInput, match="and no film"):
        films.write(run, film, force=True)
    with pytest.raises(InvalidInput, match=r"holds no log\.jsonl"):
        films.write(tmp_path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_curve_goes_from_edge_to_edge():
    svg = films.draw(Chart("c", {"a": [(0, 0.0), (50, 1.0), (100, 0.5)]}), 100)
    left, right, top, bottom = films.LEFT, films.WIDTH - films.RIGHT, films.TOP, films.HEIGHT - films.BOTTOM
    assert points(svg) == [[[(left, bottom), ((left + right) / 2, top), (right, (top + bottom) / 2)]]]


def test_the_axis_reaches_as_far_as_is_asked():
    svg = films.draw(Chart("c", {"a": [(0, 0.25), (10, 0.25)]}, low=0.0, high=1.0, reference=0.5), 10)
    (((_, y), _),) = points(svg)[0]
    height = films.HEIGHT - films.TOP - films.BOTTOM
    assert y == films.HEIGHT - films.BOTTOM - 0.25 * height
    assert f'class="reference" d="M{films.LEFT} {films.TOP + height / 2:.1f}H' in svg


@pytest.mark.parametrize(("bad", "log"), [(math.nan, False), (math.inf, False), (0.0, True), (-1.0, True)])
def test_what_cannot_be_drawn_is_a_gap(bad, log):
    (strokes,) = points(films.draw(Chart("c", {"a": [(0, 1.0), (5, bad), (10, 100.0)]}, log=log), 10))
    assert [len(stroke) for stroke in strokes] == [1, 1]
    assert strokes[1][0][1] == films.TOP


def test_a_logarithmic_axis_has_powers_of_ten():
    svg = films.draw(Chart("c", {"a": [(0, 0.01), (5, 1.0), (10, 100.0)]}, log=True), 10)
    ((a, b, c),) = points(svg)[0]
    assert a[1] - b[1] == b[1] - c[1] > 0
    assert re.findall(r'text-anchor="end">([^<]*)<', svg)[:-1] == ["0.01", "0.1", "1", "10", "100"]


@pytest.mark.parametrize("curve", [[(0, 1e20)], [(0, math.nan)], [(1, 0.0), (2, 0.0)], []])
def test_whatever_a_log_has_can_be_drawn(curve):
    for log in (False, True):
        assert "nan" not in films.draw(Chart("c", {"a": curve}, log=log), curve[-1][0] if curve else 0)


def test_of_many_pictures_first_and_last_are_kept():
    assert films._some(range(5)) == [0, 1, 2, 3, 4]
    few = films._some(range(1000))
    assert (len(few), few[0], few[-1]) == (films.MOST, 0, 999)
