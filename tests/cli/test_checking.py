"""`zoo check` and `zoo verify`: what passes, what fails, and with which status."""

import pytest

import zoo
from zoo import golden
from zoo.releases.cards import GOLDEN, WEIGHTS


@pytest.fixture
def with_golden(own_shelf, monkeypatch, run):
    """The shelf with golden tensors beside the weights of two releases."""
    monkeypatch.setattr("zoo.models.built_in_folder", lambda: own_shelf)
    for name in ("dcgan-celeba", "vae-fashion-mnist"):
        golden.write(zoo.load(own_shelf / name), own_shelf / name / GOLDEN)
    return own_shelf


@pytest.mark.parametrize("name", ["cgan-fashion-mnist", "realnvp-mnist"])
def test_check_of_a_release(run, name):
    result = run("check", name)
    assert (result.status, result.err) == (0, "")
    *lines, last = result.out.splitlines()
    assert all(line.startswith("passed  check_") for line in lines)
    assert last == f"{len(lines)} checks, 0 failed."


def test_check_tells_what_failed(run, monkeypatch):
    from zoo.models.gans.dcgan import DCGAN

    monkeypatch.setattr(DCGAN, "_decode", lambda self, z, condition: 2 * self.generator(z))
    result = run("check", "dcgan-celeba")
    assert result.status == 1
    assert "failed  check_image_range: " in result.out
    assert "passed  check_config_round_trip\n" in result.out


def test_verify(run, with_golden):
    result = run("verify", "dcgan-celeba", with_golden / "vae-fashion-mnist")
    assert (result.status, result.err) == (0, "")
    first, second = result.out.splitlines()
    assert first.startswith("ok      dcgan-celeba: sha256 ")
    assert second.startswith(f"ok      {with_golden / 'vae-fashion-mnist'}: sha256 ")


def test_verify_goes_on_after_a_failure(run, with_golden):
    path = with_golden / "dcgan-celeba" / WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    result = run("verify", "--all")
    assert result.status == 1
    lines = {line.split(":")[0]: line for line in result.out.splitlines()}
    assert "sha256" in lines["failed  dcgan-celeba"]
    assert "golden.safetensors is not there" in lines["failed  cgan-fashion-mnist"]
    assert "ok      vae-fashion-mnist" in lines
    assert result.err == "3 of 4 releases failed.\n"


def test_verify_notices_other_results(run, with_golden, monkeypatch):
    from zoo.models.gans.dcgan import DCGAN

    monkeypatch.setattr(DCGAN, "_decode", lambda self, z, condition: 0.5 + 0 * self.generator(z))
    result = run("verify", "dcgan-celeba")
    assert result.status == 1
    assert result.out.startswith("failed  dcgan-celeba: ")
    assert "golden.safetensors by up to" in result.out


def test_verify_of_an_unknown_name_is_a_mistake(mistake):
    assert "Did you mean 'dcgan-celeba'" in mistake("verify", "dcgan-cleba")
