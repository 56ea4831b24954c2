"""What plugins bring to rooms: a folder for what they write, and one that fails keeps no room from being written."""

import re
from pathlib import Path

import pytest

import zoo
from zoo.errors import PluginError
from zoo.reports.gallery import widgets

PAGE = Path(__file__).parents[3] / "plugins" / "README.md"
_BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
(SHOWN,) = (block for block in _BLOCKS if "zoo_register_widgets" in block)
FAILING = """
    import zoo

    @zoo.hookimpl
    def zoo_register_widgets(register):
        register("wrong", "zoo_failing:wrong")

    def wrong(model, folder):
        (folder / "half").touch()
        {body}
"""


@pytest.fixture
def room(tmp_path):
    (tmp_path / "room").mkdir()
    return tmp_path / "room"


@pytest.fixture(scope="module")
def model():
    return zoo.create("dcgan", image_size=8, channels=3, latent_dim=4, width=2).eval()


def test_the_widget_shown_to_authors(install_plugin, model, room):
    install_plugin("my-widget", SHOWN)
    made, failed = widgets.write(model, room)
    assert made == [{"title": "How bright samples are", "script": "widget-my-widget-mean/widget.js"}]
    assert not failed
    folder = room / "widget-my-widget-mean"
    assert (folder / "widget.js").read_text().strip().startswith("export default")
    assert (folder / "mean.txt").read_text() == f"{model.generate(16, seed=0).mean():.3f}"


def test_a_room_for_which_it_has_nothing(install_plugin, room):
    install_plugin("my-widget", SHOWN)
    assert widgets.write(zoo.create("srresnet"), room) == ([], [])
    assert not list(room.iterdir())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise OSError('the disk is full')", "the disk is full"),
        ("return 7", "it returned 7; expected a heading, or None where it has nothing for a model"),
        ("return 'Title'", "it wrote no widget.js into the folder that it was given"),
    ],
)
def test_one_that_fails_is_left_out(body, reason, install_plugin, model, room, tmp_path, monkeypatch):
    install_plugin("failing", FAILING.format(body=body))
    install_plugin("my-widget", SHOWN)
    made, (failed,) = widgets.write(model, room)
    assert [each["title"] for each in made] == ["How bright samples are"]
    assert failed.startswith(f"The widget failing:wrong (package zoo-failing) fails: {reason}")
    assert [path.name for path in room.iterdir()] == ["widget-my-widget-mean"]
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match="without it the room is written without it"):
        widgets.write(model, tmp_path)
