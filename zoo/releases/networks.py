"""The weights of the feature networks that metrics compare by: in the package, or, where it was built without weights,
on the Hub like a release's.

The front matter of their page says where that is, and what their files must hash to. Nothing here imports torch.
"""

from __future__ import annotations

from pathlib import Path

from zoo.errors import Offline, WeightsError, WeightsNotFound
from zoo.hub import sources
from zoo.hub.address import Address, is_offline
from zoo.hub.failures import cache_folder, repeated
from zoo.releases.cards import CARD, HUB_KEYS, Card
from zoo.releases.front import check_keys
from zoo.releases.integrity import verify

FOLDER = Path(__file__).parent.parent / "nn" / "networks"
REPOSITORY = "feature-networks"  # what it is called on the Hub


class Page(Card):
    """The networks' card, which is of no architecture."""

    def validate(self) -> None:
        """Raise CardError unless every required key is there with the right type."""
        where = self.folder / CARD
        check_keys(where, "front matter", self.front, {**HUB_KEYS, "zoo": dict})
        check_keys(where, "zoo", self.zoo, {"weights": dict})
        check_keys(where, "zoo.weights", self.weights, {"sha256": dict})

    @property
    def hashes(self) -> dict[str, str]:
        """The sha256 of each file of weights, by its name."""
        return {f"{name}.safetensors": sha256 for name, sha256 in self.weights["sha256"].items()}

    @property
    def address(self) -> Address | None:
        """Where the files are on the Hub; None before they are published."""
        repo, revision = (self.weights.get(key) for key in ("repo", "revision"))
        return Address(repo, revision) if repo and revision else None


def page() -> Page:
    """The page that came with the package."""
    return Page.read(FOLDER)


@repeated
def find(name: str, *, offline: bool | None = None) -> tuple[Path, str]:
    """The weights file of the network `name`, verified, and its sha256.

    Raises WeightsNotFound and what `sources.fetch` and `verify` raise.
    """
    filename, there = f"{name}.safetensors", page()
    path, sha256 = FOLDER / filename, there.hashes[filename]
    if path.is_file():
        return path, verify(path, sha256=sha256)
    if there.address is None:
        raise WeightsNotFound(f"{path} is not there. Reinstall zoo, or measure with another feature network.")
    try:
        found = sources.fetch(f"feature network {name}", there.address, filename, offline=is_offline(offline))
    except Offline as error:
        raise Offline(
            f"feature network {name}: {filename} is neither in {FOLDER} nor in {cache_folder()}, and offline mode is "
            "on. Where there is network, run: zoo download --all"
        ) from error
    try:
        return found.path, verify(found.path, sha256=sha256, fresh=found.source is not None, cure="")
    except WeightsError as error:
        raise found.rejected(error) from error
