"""README and its pages tell the truth: tables are the cards', code runs, a picture is what its command makes."""

import ast
import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

import zoo
from zoo.cli import main
from zoo.cli.application import application
from zoo.cli.comparing import render_page
from zoo.releases.cards import Card
from zoo.weights.rounding import restored, rounded

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "cards").glob("*.md"))]


def test_the_table_of_releases_is_rendered_from_the_cards(capsys):
    page = (ROOT / "cards" / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- zoo:releases -->\n(.*?)<!-- /zoo:releases -->", page, re.DOTALL)
    assert main(["list", "--markdown"]) == 0
    assert shown[1] == capsys.readouterr().out, "render it again with: zoo list --markdown"


def test_the_readme_links_every_release_and_takes_three_minutes():
    linked = re.findall(r"\[([a-z0-9-]+)\]\(cards/\1/README.md\)", README)
    assert sorted(linked) == zoo.list_models()
    assert len(re.sub(r"\]\([^)]*\)", "", README).split()) < 1000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_of_pages_are_there(page):
    for link in re.findall(r"\]\(([^)]*)\)", page.read_text(encoding="utf-8")):
        assert link.startswith("http") or (page.parent / link).exists(), link


def test_the_comparison_page_is_rendered_from_the_cards():
    page = ROOT / "cards" / "README.md"
    assert render_page(page) == page.read_text(encoding="utf-8"), (
        "render it again with: zoo compare --write cards/README.md"
    )


def test_the_comparison_page_shows_every_data_set_of_several_releases_of_images():
    cards = [zoo.info(name).card for name in zoo.list_models()]
    datasets = [card.dataset for card in cards if len(card.shape) == 3]
    page = (ROOT / "cards" / "README.md").read_text(encoding="utf-8")
    for dataset in {dataset for dataset in datasets if datasets.count(dataset) > 1}:
        assert f"<!-- zoo:compare {dataset} ." in page, dataset


def test_releases_of_images_are_measured_by_one_network_that_everybody_can_get():
    """All that have a Fréchet distance, those of the plugins too; enlarged pictures of Set5 are too few for one."""
    folders = [path.parent for path in (*ROOT.glob("cards/*/README.md"), *ROOT.glob("plugins/*/*/cards/*/README.md"))]
    measured, known = set(), {}
    for folder in folders:
        for each in Card.read(folder).records:
            measured |= {folder.name} if each.type.startswith("frechet-distance") else set()
            known |= {folder.name: each} if each.type.endswith("-tf_efficientnet_lite0.in1k") else {}
    assert measured == known.keys()
    assert len(known) == 43
    assert len({each.args["sha256"] for each in known.values()}) == 1  # the same weights
    assert all(each.args["floor"] > 0 for each in known.values())


def test_python_code_runs_in_order(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = {}
    for page in ("README.md", "cards/using.md", "cards/autoencoders.md"):
        for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
            exec(block, names)
    assert names["faces"].shape == (16, 3, 64, 64)
    assert names["nats"].shape == (4,)
    assert (tmp_path / "faces.png").exists()


@pytest.mark.parametrize("name", zoo.list_models())
def test_the_code_on_each_card_speaks_of_what_there_is(name):
    """Run whole it would take minutes, and data that do not ship; its imports and every `model.…` are looked up."""
    card = (ROOT / "cards" / name / "README.md").read_text(encoding="utf-8")
    code = ast.parse("\n".join(re.findall(r"```python\n(.*?)```", card, re.DOTALL)))
    names = {"model": zoo.load(name)}
    for node in code.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            exec(ast.unparse(node), names)
    spoken = {ast.unparse(node) for node in ast.walk(code) if isinstance(node, ast.Attribute)}
    spoken |= set(re.findall(r"`(model\.\w+)", card))
    for path in spoken:
        if re.fullmatch(r"\w+(\.\w+)+", path) and path.partition(".")[0] in names:
            eval(path, names)


def test_the_first_command_makes_the_picture_shown(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    command = re.search(r"pip install \. && zoo (.*)", README)[1]
    assert main(command.split()) == 0
    shown = ROOT / re.search(r"!\[.*?\]\((.*?)\)", README)[1]
    made, committed = (pil_to_tensor(Image.open(path).convert("RGB")).int() for path in (tmp_path / "faces.png", shown))
    # What is shown is stored with a palette of 256 colours; other faces would be ten times as far off.
    assert (made - committed).abs().float().mean() <= 5


def test_every_command_shown_exists():
    commands = {*application().commands, "convert"}  # that of zoo-convert, whose own tests try it
    pages = [*PAGES, *ROOT.glob("cards/*/README.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    for command in re.findall(r"(?:`|&& |^    )zoo ([a-z]+)", text, re.MULTILINE):
        assert command in commands, command


@pytest.mark.parametrize("name", zoo.list_models())
def test_measured_tables_on_the_cards_are_rendered_from_their_front_matter(name):
    card = zoo.info(name).card
    assert card.render_measured() in card.body


@pytest.mark.parametrize("name", zoo.list_models())
def test_releases_keep_the_budgets(name):
    card = zoo.info(name).card
    sizes = {path.name: path.stat().st_size for path in card.folder.iterdir()}
    assert sizes["model.safetensors"] <= 5 * 2**20
    assert sizes["golden.safetensors"] <= 200 * 2**10
    assert sizes["samples.png"] <= 200 * 2**10


@pytest.mark.parametrize("name", zoo.list_models())
def test_cards_are_hub_model_cards(name):
    from huggingface_hub import ModelCard

    card = Card.read(zoo.info(name).folder)
    parsed = ModelCard.load(card.folder / "README.md").data
    assert parsed.license == card.license
    assert [result.metric_value for result in parsed.eval_results or []] == [metric["value"] for metric in card.metrics]


@pytest.mark.parametrize("name", zoo.list_models())
def test_the_card_s_recipe_and_config_are_those_of_the_weights(name):
    from zoo.recipe import Recipe

    model, card = zoo.load(name), zoo.info(name).card
    assert Recipe.parse(card.training)
    assert card.shape == model.space.shape
    assert card.weights["parameters"] == sum(p.numel() for p in model.parameters())
    if card.weights["dtype"] == "int8":
        for parameter in model.parameters():
            weight = parameter.detach()
            if weight.ndim > 1 and not torch.equal(weight, weight.half().float()):  # small ones may be float16
                torch.testing.assert_close(restored(rounded({"w": weight}, least=0))["w"], weight, rtol=1e-6, atol=0)
    else:
        assert all(torch.equal(p, p.half().float()) for p in model.parameters())
