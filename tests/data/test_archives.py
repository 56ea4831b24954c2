"""Images in archives, in tables, and on the Hub."""

import io
import tarfile

import pytest
import torch
from PIL import Image

from tests.training.conftest import SMALL
from zoo.data import archives, loading
from zoo.data.memory import at_hand
from zoo.errors import DataError, InvalidInput, LeftOut, MissingExtra, Offline
from zoo.images import Reader
from zoo.training import release


def png(shade, size=(8, 8)):
    file = io.BytesIO()
    Image.new("RGB", size, (shade, 0, 9)).save(file, "PNG")
    return file.getvalue()


def pack(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture
def shards(tmp_path):
    root = tmp_path / "shards"
    root.mkdir()
    for shard in range(2):
        members = {}
        for k in range(6):
            members |= {f"{shard}{k}.png": png(20 * k + shard), f"{shard}{k}.cls": str(k % 2).encode()}
            members |= {f"{shard}{k}.json": b"{}"}
        pack(root / f"photos-{shard:03d}.tar", members)
    return root


def load(samples, split="train", **options):
    return loading.load("in-memory", samples, split, shape=(3, 8, 8), **options)


def test_archives_are_read_in_order_with_their_classes_and_held_out_from(shards):
    samples = at_hand(shards)
    train, test = load(samples, holdout=4), load(samples, "test", holdout=4)
    whole = load(samples)
    assert (len(train), len(test), whole.name) == (8, 4, "shards")
    assert whole.images[:, 0, 0, 0].tolist() == [20 * k + shard for shard in range(2) for k in range(6)]
    assert (whole.labels.tolist(), whole.classes) == ([0, 1] * 6, ("0", "1"))
    assert test.labels.bincount().tolist() == [2, 2]
    assert load(at_hand(shards / "photos-001.tar")).images[0, 0, 0, 0] == 1


def test_archives_may_be_called_after_their_splits(tmp_path):
    pack(tmp_path / "set-train-0.tar", {"a.png": png(1), "b.jpg.png": png(2), "notes.txt": b"-"})
    pack(tmp_path / "set-val-0.tar", {"deep/c.png": png(3)})
    samples = at_hand(tmp_path)
    assert load(samples).images[:, 0, 0, 0].tolist() == [1, 2]
    assert load(samples, "test").images[:, 0, 0, 0].tolist() == [3]


def test_what_is_in_archives_is_kept_decoded_or_decoded_when_asked_for(shards, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("zoo.files.decoded.LEAST", 1)
    plain = load(at_hand(shards)).images
    for store in ("disk", "none", "disk"):
        assert torch.equal(load(at_hand(shards), reader=Reader(store=store)).images[:], plain)
    assert len(list((tmp_path / "home" / "decoded").glob("*/about.json"))) == 1


def test_what_is_wrong_with_an_archive_is_said(tmp_path):
    pack(tmp_path / "a.tar", {"a.png": png(1), "a.cls": b"0", "b.png": b"broken"})
    with pytest.raises(DataError, match=r"1 of 2 train images have a class"):
        at_hand(tmp_path)
    pack(tmp_path / "a.tar", {"a.png": png(1), "b.png": b"broken"})
    with pytest.raises(DataError, match=r"b\.png in .*a\.tar is not a readable image"):
        load(at_hand(tmp_path))
    pack(tmp_path / "a.tar", {"a.txt": b""})
    with pytest.raises(DataError, match="holds no images in its archives"):
        at_hand(tmp_path)
    (tmp_path / "a.tar").write_bytes(b"x" * 2000)
    with pytest.raises(DataError, match="no readable tar archive"):
        at_hand(tmp_path)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (["2024.01.00.png", "2024.01.01.png"], r"holds 2024\.01\.00\.png and 2024\.01\.01\.png, which are one sample"),
        (["a/000.jpg", "a/000.seg.png"], r"holds a/000\.jpg and a/000\.seg\.png.*Leave one out"),
        (["train/a.png", "test/b.png"], r"holds test/b\.png, which test/ says is not for train"),
        (["a.png", "a.cls", "c/b.cls"], r"holds c/b\.cls, a class without an image"),
    ],
)
def test_members_that_would_be_lost_or_mixed_are_refused(tmp_path, members, said):
    path = pack(tmp_path / "photos.tar", dict.fromkeys(members, png(1)))
    with pytest.raises(DataError, match=said):
        at_hand(path)


def test_classes_may_lie_anywhere_in_an_archive_and_other_members_are_counted(tmp_path):
    images = {f"{k}.png": png(k) for k in range(3)} | {"train/a.png": png(3)}
    classes = {"1.cls": b"0", "0.cls": b"1", "2.cls": b"0", "train/a.cls": b"1"}
    pack(
        tmp_path / "a.tar",
        images | classes | {"0.npy": b"", "1.txt": b"", "1.json": b"", "README": b"", ".hidden": b""},
    )
    with pytest.warns(
        LeftOut, match=r"2 members of the archives of .*a\.tar are no images and left out, such as 0\.npy"
    ):
        data = load(at_hand(tmp_path / "a.tar"))
    assert (data.images[:, 0, 0, 0].tolist(), data.labels.tolist()) == ([0, 1, 2, 3], [1, 0, 0, 1])


@pytest.mark.parametrize("beside", ["cats/a.jpg", "b.png", "c.parquet"])
def test_an_archive_does_not_replace_the_images_beside_it(tmp_path, beside):
    pack(tmp_path / "a.tar", {"a.png": png(1)})
    (tmp_path / beside).parent.mkdir(exist_ok=True)
    (tmp_path / beside).write_bytes(png(2))
    with pytest.raises(DataError, match=rf"holds a\.tar beside {beside}, .*path of the archive itself, or take it out"):
        at_hand(tmp_path)
    assert len(at_hand(tmp_path / "a.tar")) == 1
    (tmp_path / beside).rename(tmp_path / ".hidden.png")
    (tmp_path / ".thumbnails").mkdir()
    (tmp_path / ".thumbnails" / "a.png").write_bytes(png(1))
    assert len(at_hand(tmp_path)) == 1


def test_an_archive_of_what_is_held_out_is_not_trained_on(tmp_path):
    path = pack(tmp_path / "val.tar", {"a.png": png(1)})
    with pytest.raises(DataError, match=r"val\.tar: val\.tar is held out by its name.* called train beside it"):
        at_hand(path)


def test_folders_of_images_stay_paths(tmp_path):
    assert (at_hand(tmp_path), at_hand(None)) == (tmp_path, None)
    with pytest.raises(InvalidInput, match="no address on the Hub"):
        at_hand("hf:nothing")


def test_a_release_is_trained_on_archives_and_measured_on_what_was_held_out(shards, tmp_path):
    out = release.train("dcgan", data=shards, out=tmp_path / "mine", changes={**SMALL, "holdout": 4})
    from zoo.metrics.evaluate import splits
    from zoo.releases.cards import Card

    train, test = splits(Card.read(out), shards)  # and nothing warns of other data
    assert (len(train), len(test)) == (8, 4)


def test_without_the_extra_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    (tmp_path / "train.parquet").touch()
    with pytest.raises(MissingExtra, match=r"generative-zoo\[data\]"):
        archives.find(tmp_path)


def test_the_hub_is_not_asked_in_offline_mode(monkeypatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(Offline, match=r"hf:org/pets@v1 was not looked for: offline mode is on"):
        at_hand("hf:org/pets@v1")


@pytest.fixture
def table():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    rows = {"image": [{"bytes": png(20 * k), "path": None} for k in range(10)], "label": [k % 2 for k in range(10)]}
    return datasets.Dataset.from_dict(rows, features=features)


@pytest.mark.filterwarnings("ignore")
def test_parquet_and_arrow_files_and_saved_folders_are_read_by_rows(table, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "parquet").mkdir()
    table.to_parquet(str(tmp_path / "parquet" / "train-0.parquet"))
    table.select(range(4)).to_parquet(str(tmp_path / "parquet" / "test-0.parquet"))
    table.save_to_disk(str(tmp_path / "saved"))
    parquet, saved = at_hand(tmp_path / "parquet"), at_hand(tmp_path / "saved")
    for samples in (parquet, saved, at_hand(tmp_path / "saved" / "data-00000-of-00001.arrow"), at_hand(table)):
        data = load(samples)
        assert data.images[:, 0, 0, 0].tolist() == [20 * k for k in range(10)]
        assert (data.labels.tolist(), data.classes) == ([0, 1] * 5, ("cat", "dog"))
    assert load(parquet, "test").images[:, 0, 0, 0].tolist() == [0, 20, 40, 60]
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    monkeypatch.setattr("datasets.load_dataset", lambda repo, revision: {"train": table} if revision == "v1" else None)
    assert len(at_hand("hf:org/pets@v1")) == 10


@pytest.mark.filterwarnings("ignore")
def test_tables_lie_in_folders_of_any_name(table, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "[x]*").mkdir()
    table.to_parquet(str(tmp_path / "[x]*" / "photos.parquet"))
    assert len(at_hand(tmp_path / "[x]*")) == 10


def test_other_images_in_a_table_of_as_many_rows_are_other_data(table):
    first, again = at_hand(table), at_hand(table.select(range(10)))
    other = at_hand(table.select(range(9, -1, -1)))
    assert first.digests == again.digests == other.digests[::-1] != other.digests


def test_what_streams_is_read_and_what_does_not_say_what_it_holds_refused(table):
    datasets = pytest.importorskip("datasets")
    stream = datasets.Dataset.to_iterable_dataset(table.select_columns(["image"]))
    assert load(at_hand(stream)).images[:, 0, 0, 0].tolist() == [20 * k for k in range(10)]
    with pytest.raises(DataError, match="does not say what its columns hold"):
        at_hand(datasets.IterableDataset.from_generator(lambda: iter([{"a": 1}])))


def test_an_archive_is_told_from_another_with_the_same_names_and_sizes(tmp_path):
    """Pictures that differ in their middle alone: their first bytes are those of every picture of a kind."""
    one, other = (b"x" * 3000 + bytes([shade]) + b"x" * 3000 for shade in (1, 2))
    keys = []
    for folder, content in (("a", one), ("b", other), ("c", one)):
        (tmp_path / folder).mkdir()
        path = pack(tmp_path / folder / "photos.tar", {"0.png": content, "1.png": content})
        ((members, _),) = archives.find(path).values()
        keys.append([member.key() for member in members])
    assert keys[0] == keys[2]
    assert not set(keys[0]) & set(keys[1])
