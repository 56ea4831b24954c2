"""Settings that an architecture's classes declare, by the parts of their full names."""

import zoo
from zoo import releases
from zoo.cli.declared import settings_of


def test_an_architecture_has_the_defaults_of_its_classes():
    parts = settings_of(releases.describe("dcgan"))
    assert list(parts) == ["", "objective.", "config."]
    found = {part + row["name"]: row for part, rows in parts.items() for row in rows}
    assert found["config.latent_dim"]["default"] == zoo.create("dcgan").config.latent_dim
    assert "objective" not in found, "which is a part of its own"
    assert all(set(row) == {"name", "default", "help", "expected"} for row in found.values())


def test_a_release_has_what_its_card_says(isolated):
    parts = settings_of(releases.describe("dcgan-celeba"))
    found = {part + row["name"]: row["default"] for part, rows in parts.items() for row in rows}
    assert (found["steps"], found["config.width"]) == (7, 2)


def test_what_has_no_training_has_no_options_of_an_objective():
    assert settings_of(releases.describe("stackgan-v1"))["objective."] == []
