"""Pages from cards: nothing but what these say, and nothing in them that a page would take for its own."""

import html.parser
import json
import re

import pytest

from zoo import releases
from zoo.reports.gallery import pages
from zoo.reports.gallery.building import SITE

PAIR = {name: releases.find(name) for name in ("dcgan-celeba", "flow-2d-two-moons")}
EXTENTS = {"dcgan-celeba": "64×64 pixels", "flow-2d-two-moons": "2 columns"}


class Read(html.parser.HTMLParser):
    """What a page refers to, and its ids."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loaded, self.ids, self.styled = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        self.styled += [tag] if "style" in given else []
        if tag == "a":
            self.links.append(given["href"])
        else:
            self.loaded += [given[key] for key in ("src", "href") if key in given]


def test_the_hall_has_all_that_is_searched_and_shown():
    text = pages.hall(PAIR, EXTENTS)
    page = Read(text)
    assert page.links == ["dcgan-celeba/", "flow-2d-two-moons/"]
    assert not [target for target in page.loaded if target.startswith(("http", "/"))]
    assert 'data-family="gans" data-dataset="celeba"' in text
    assert "celeba-non-commercial-research" in text
    assert "Fréchet distance 0.498" in text
    assert "nats per sample 1.017" in text
    assert "GANs · celeba · 64×64 pixels" in text
    words = re.search('data-words="([^"]*)"', text)[1]
    assert all(word in words for word in ("face", "unconditional-image-generation", "gans", "64×64 pixels", "deep"))


@pytest.mark.parametrize("name", releases.select())
def test_rooms_tell_what_the_card_does(name):
    release = releases.find(name)
    page = Read(text := pages.room(name, release, {"name": name, "extent": "≤ 20 words"}, PAIR))
    assert not [target for target in page.loaded if target.startswith(("http", "/"))]
    assert not page.styled  # which the page's own policy would refuse
    assert len(set(page.ids)) == len(page.ids)
    for link in page.links:
        assert link.startswith("http") or link == "../index.html" or link in {f"../{other}/" for other in PAIR}
    assert release.card.front.get("license_name", release.card.license) in text
    for words in ("Limits", "How it differs", "Data and licence"):
        assert f"<details open><summary><h2>{words}" in text
    assert "zoo:measured" not in text
    assert "<dt>sample</dt><dd>≤ 20 words</dd>" in text


def test_a_card_cannot_bring_scripts(front, tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    front["zoo"]["data"]["description"] = "<script>a()</script>"
    body = "# Tiny\n\n## Limits\n\n<script>b()</script> [c](javascript:c()) [d](../dcgan-celeba/README.md)\n"
    releases.Card(folder, front, body).write()
    text = pages.room("tiny", releases.find(folder), {"name": "</script><script>e()", "extent": "8×8"}, PAIR)
    assert text.count("<script") == 2
    assert "javascript:" not in re.sub(r"<[^>]*>", "", text).replace("[c](javascript:c())", "")
    assert Read(text).links == ["../index.html", "../dcgan-celeba/"]
    assert json.loads(re.search(r'id="about">(.*?)</script>', text)[1]) == {
        "name": "</script><script>e()",
        "extent": "8×8",
    }


def test_scripts_find_what_they_look_for():
    ids = set(Read(pages.room("dcgan-celeba", PAIR["dcgan-celeba"], {"extent": "64×64"}, {})).ids)
    for script in SITE.glob("*.js"):
        if script.name != "hall.js":
            wanted = set(re.findall(r'find\("([\w-]+)"\)', script.read_text(encoding="utf-8")))
            assert wanted - ids <= {"category"}, script.name  # which is made where there is one


def test_the_film_s_script_finds_what_it_looks_for():
    ids = set(Read((pages.TEMPLATES / "film.html").read_text(encoding="utf-8")).ids)
    assert set(re.findall(r'find\("([\w-]+)"\)', (pages.TEMPLATES / "film.js").read_text(encoding="utf-8"))) <= ids


def test_words_stand_out_from_the_paper():
    """Contrast of WCAG 2.2 (1.4.3), 4.5 at least, in light and in dark."""

    def light(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    schemes = re.findall(r":root \{(.*?)\}", (SITE / "style.css").read_text(encoding="utf-8"), re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--([\w-]+): (#\w{6});", scheme))
        pairs = [(ink, paper) for ink in ("ink", "soft", "accent") for paper in ("paper", "field")]
        for ink, paper in [*pairs, ("on-accent", "accent")]:
            low, high = sorted(light(colours[name]) for name in (ink, paper))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper)
