"""Every rule on logs made by hand: those it must warn of, and those that look alike and are well."""

import dataclasses
import inspect
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import zoo
from zoo.data import loading as data
from zoo.models._gan import AdversarialOptions
from zoo.recipe import Recipe
from zoo.reports import diagnosis
from zoo.reports.diagnosis import (
    RULES,
    barely_trained,
    diagnose,
    divergence,
    idle_discriminator,
    mode_collapse,
    unlike_data,
    vanishing_gradient,
)
from zoo.reports.history import COVERAGE, FORMER, PRECISION, Line
from zoo.training import loop
from zoo.training.progress import Progress, Step

LOGS = Path(__file__).parent / "logs"


def line(step, d=1.2, g=0.9, dg=0.5, gg=0.5, real=0.6, fake=0.4, kind="probability", **coverage):
    """A line of a run that is well, unless told otherwise."""
    losses, gradients = {"discriminator": d, "generator": g}, {"discriminator": dg, "generator": gg}
    measured = {FORMER.get(name, name): value for name, value in coverage.items()}
    return Line(step, losses, gradients, {"real": real, "fake": fake}, measured, kind)


def run(n=20, every=5, **courses):
    """n lines 50 steps apart. A course is a function of the share of the run that is over; those of what the monitor
    measures have values on every fifth line only."""
    lines = []
    for i in range(n):
        values = {name: course(i / (n - 1)) for name, course in courses.items() if name in ARGUMENTS}
        if (i + 1) % every == 0:
            measured = {"coverage": 0.9, "precision": 0.8, "spread": 1.0}
            values |= measured | {name: f(i / (n - 1)) for name, f in courses.items() if name not in ARGUMENTS}
        lines.append(line(50 * (i + 1), **values))
    return lines


ARGUMENTS = set(inspect.signature(line).parameters) - {"step", "kind", "coverage"}


def of_kind(kind, lines):
    return [replace(each, kind=kind) for each in lines]


def always(value):
    return lambda over: value


def falling(first, last):
    """From `first` to `last`, by the same factor in each step."""
    return lambda over: first * (last / first) ** over


def moving(first, last):
    return lambda over: first + (last - first) * over


WELL = {
    "even": run(),
    "short": run(4),
    "empty coverage": run(every=99),
    "a strong discriminator whose generator still learns": run(real=moving(0.6, 0.99), fake=moving(0.4, 0.01)),
    "an equilibrium": run(real=always(0.5), fake=always(0.5)),
    "a gradient that shrinks while images are alike": run(gg=falling(1, 1e-4), real=always(0.52), fake=always(0.48)),
    "coverage that comes slowly": run(coverage=moving(0.02, 0.24), real=always(0.7)),
    "coverage that wavers": run(coverage=lambda over: 0.7 + 0.2 * math.sin(20 * over)),
    "modes found one by one": run(modes=lambda over: round(25 * over * 0.7), modes_of=always(25)),
    "all modes but one": run(modes=always(24), modes_of=always(25)),
    "losses that grow a little": run(g=moving(0.7, 8), d=moving(1.4, 0.1)),
    "a critic's large early loss": of_kind("score", run(d=falling(-900, -2), g=moving(-3, 40))),
    "a critic that learns as slowly as it should": of_kind("score", run(gg=falling(2.0, 0.02))),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("lines", WELL.values(), ids=WELL)
def test_every_rule_is_silent_where_all_is_well(rule, lines):
    assert rule(lines) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_is_silent_about_an_old_log(rule):
    old = [Line(50 * i, {"discriminator": 1.0, "generator": 1.0}) for i in range(1, 20)]
    assert rule(old) is None


def test_a_loss_that_is_not_finite():
    lines = [*run(3), line(200, g=math.nan)]
    assert "The generator's loss is no finite number at step 200" in divergence(lines).text
    assert "discriminator's gradient is no finite" in divergence([line(50, dg=math.nan)]).text


def test_a_loss_that_explodes():
    found = divergence(of_kind("score", run(30, d=falling(-2, -1e6))))
    assert re.search(r"discriminator's loss has exploded: its size was .* and is now .*e\+0[56]", found.text)
    assert divergence(run(30, g=falling(0.001, 0.9))) is None  # a thousandfold, but of next to nothing


@pytest.mark.parametrize("smoothed", [1.0, 0.9])
def test_a_gradient_that_vanishes_behind_a_discriminator_that_always_wins(smoothed):
    lines = run(real=lambda over: smoothed if over > 0.5 else 0.6, fake=falling(0.4, 1e-4), gg=falling(0.8, 1e-5))
    found = vanishing_gradient(lines)
    assert found.kind == "vanishing-gradient"
    assert "norm was up to 0.8 and is now" in found.text
    assert f"gives real images {smoothed:.2f} and generated ones 0.00024" in found.text
    assert "loss=non-saturating" in found.advice


def test_a_gradient_that_was_never_large_vanishes_against_the_discriminators():
    winning = {"real": always(0.97), "fake": always(0.02)}
    assert vanishing_gradient(run(**winning, gg=always(1e-4), dg=always(0.5))) is not None
    assert vanishing_gradient(run(**winning, gg=always(0.1), dg=always(0.5))) is None
    assert vanishing_gradient(run(5, **winning, gg=always(1e-4), dg=always(0.5))) is None  # too soon to tell


@pytest.mark.parametrize(("kind", "advice"), [("score", "gradient_penalty"), ("energy", "margin")])
def test_a_gradient_that_vanishes_under_a_critic(kind, advice):
    found = vanishing_gradient(of_kind(kind, run(gg=falling(1.0, 1e-5))))
    assert advice in found.advice


def test_coverage_that_falls():
    found = mode_collapse(run(coverage=moving(1.0, 0.1), classes=moving(10, 2), classes_of=always(10)))
    assert found.kind == "mode-collapse"
    assert re.search(r"was 0\.81 at step 250 and is now 0\.2\d, \d of 10 classes\.$", found.text)
    assert mode_collapse(run(coverage=moving(0.9, 0.6))) is None


def test_a_single_low_measurement_is_no_collapse():
    lines = run()
    lines[-1] = line(lines[-1].step, coverage=0.1)
    assert mode_collapse(lines) is None


def test_coverage_that_stays_poor():
    found = mode_collapse(run(coverage=always(0.12), modes=always(1), modes_of=always(8)))
    assert found.text == "Mode collapse: coarse coverage is 0.12, 1 of 8 modes, and does not get more."
    assert mode_collapse(run(10, coverage=always(0.12))) is None  # two measurements are too few


def test_modes_that_stay_out_though_coverage_is_fair():
    found = mode_collapse(run(coverage=always(0.6), modes=always(5), modes_of=always(8)))
    assert "5 of 8 modes" in found.text
    assert mode_collapse(run(coverage=always(0.8), modes=always(7), modes_of=always(8))) is None


def test_samples_that_are_varied_but_unlike_the_data_are_no_collapse():
    lines = run(coverage=always(0.02), precision=always(0.03), spread=always(1.1))
    assert mode_collapse(lines) is None
    assert "3% of it lies near real samples, coarse coverage is 0.02" in unlike_data(lines).text
    # All alike and off the data: that is one.
    narrow = run(coverage=always(0.02), precision=always(0.03), spread=always(0.01))
    assert mode_collapse(narrow) is not None
    assert unlike_data(narrow) is None
    assert unlike_data(run(coverage=always(0.02), precision=moving(0, 0.09), spread=always(1))) is None


def test_a_run_of_a_few_steps_is_told():
    found = barely_trained([line(1)])
    assert (found.kind, found.text) == (
        "barely-trained",
        "The run has made 1 step, after which no network has learned much.",
    )
    assert "150 steps" in barely_trained(run(3)).text
    assert barely_trained(run(4)) is None


def look(**measured):
    """A run of one look at what it generates."""
    return [line(1000, **{"coverage": 0.9, "precision": 0.9, "spread": 1.0, "contrast": 1.0} | measured)]


GREY = look(coverage=0.001, precision=1.0, spread=0.003, contrast=0.009, roughness=4.8, brightness=0.2)


def kinds(lines):
    return [found.kind for rule in RULES if (found := rule(lines))]


@pytest.mark.parametrize(
    ("lines", "kind", "text"),
    [
        (GREY, "constant-samples", "its contrast is 1% of the data's, and all of it alike"),
        (look(coverage=0.001, precision=1.0, spread=0.003), "mode-collapse", "all alike; it varies 0.3% as much"),
        (look(coverage=0.012, precision=1.0, spread=0.9), "mode-collapse", "coarse coverage is 0.01, though"),
        (look(coverage=0.5, copies=0.049), "mode-collapse", "4.9% of what is generated are copies of others"),
        (look(coverage=0.0, precision=0.0, spread=0.3, roughness=4.8), "noise", "differ 4.8 times as much as real"),
        (look(coverage=0.0, precision=0.0, spread=0.04, roughness=4.8), "noise", "differ 4.8 times as much as real"),
        (3 * look(coverage=0.0, precision=1.0, spread=0.04, roughness=4.8), "noise", "differ 4.8 times as much"),
        (
            look(contrast=0.2, brightness=0.17),
            "wrong-contrast",
            "0.20 times the contrast of the data, and is 17%",
        ),
        (look(contrast=1.9, brightness=-0.01), "wrong-contrast", "1.90 times the contrast"),
        (look(brightness=-0.3), "wrong-contrast", "1.00 times the contrast of the data, and is 30% darker"),
    ],
    ids=["grey", "one image", "two images", "copies", "noise", "fine noise", "noise for long", "pale", "harsh", "dark"],
)
def test_a_single_look_tells_what_is_plainly_wrong(lines, kind, text):
    assert kinds(lines) == [kind]
    (found,) = (found for rule in RULES if (found := rule(lines)))
    assert text in found.text


@pytest.mark.parametrize(
    "measured",
    [{}, {"roughness": 0.7}, {"contrast": 1.3, "brightness": 0.1}, {"coverage": 0.3, "spread": 0.5}, {"copies": 0.02}],
)
def test_a_single_look_at_what_is_well_tells_nothing(measured):
    assert kinds(look(**measured)) == []


def test_a_discriminator_that_learns_nothing():
    lines = run(real=always(0.502), fake=always(0.498), coverage=always(0.01), precision=always(0.0))
    assert (
        "gives 0.50 to real images and 0.50 to generated ones, yet coarse coverage is 0.01"
        in idle_discriminator(lines).text
    )
    assert idle_discriminator(of_kind("score", lines)) is None
    assert idle_discriminator(lines[:4]) is None
    # Before it gave up it may have learned a little, but not for long.
    assert idle_discriminator([line(0, real=0.6, fake=0.4)] * 2 + lines) is not None
    assert idle_discriminator([line(0, real=0.6, fake=0.4)] * 3 + lines) is None


def test_every_option_that_is_advised_exists():
    advised = set(re.findall(r"objective\.(\w+)", inspect.getsource(diagnosis)))
    assert len(advised) > 5
    assert advised <= {field.name for field in dataclasses.fields(AdversarialOptions)}


def test_a_run_is_diagnosed_by_every_rule(tmp_path):
    with Progress(tmp_path / "log.jsonl", 0, 900, kind="probability") as log:
        for i in range(1, 10):
            coverage = {COVERAGE: 0.1, PRECISION: 0.9, "spread": 0.2} if i > 5 else None
            gradients, outputs = {"generator": 0.1**i}, {"real": 1.0, "fake": 1e-6}
            scalars = ({name: torch.tensor(value) for name, value in group.items()} for group in (gradients, outputs))
            log.add(100 * i, Step([("generator", torch.tensor(1e-6))], *scalars))
            log.write(coverage)
    found = diagnose(tmp_path)
    assert [finding.kind for finding in found.findings] == ["vanishing-gradient", "mode-collapse"]
    (note,) = found.notes
    assert "those that zoo evaluate measures compare features, and are lower" in note
    plain = found.to_dict()
    assert (plain["step"], plain["lines"], plain["kind"]) == (900, 9, "probability")
    assert plain["coverage"] == {COVERAGE: 0.1, PRECISION: 0.9, "spread": 0.2}
    assert [finding["kind"] for finding in plain["findings"]] == ["vanishing-gradient", "mode-collapse"]


@pytest.mark.parametrize(
    ("data_set", "modes", "spread", "high_quality"), [("ring", 8, 0.05, 0.85), ("grid", 25, 0.15, 0.65)]
)
def test_a_gan_that_collapsed_is_reported_and_a_wgan_gp_that_covers_all_modes_is_not(
    data_set, modes, spread, high_quality
):
    """Lines of runs of `zoo train` on Gaussians, as the cards wgan-gp-gaussian-ring and -grid describe them."""
    collapsed, covering = (diagnose(LOGS / f"{name}-gaussian-{data_set}.jsonl") for name in ("gan", "wgan-gp"))
    assert collapsed.findings[0].kind == "mode-collapse"
    assert re.search(rf"coarse coverage is 0\.0\d, 0 of {modes} modes", collapsed.findings[0].text)
    assert collapsed.history.lines[-1].coverage["spread"] < spread
    assert covering.findings == ()
    last = covering.history.lines[-1].coverage
    assert (last["modes"], last["modes_of"]) == (modes, modes)
    assert last["high_quality"] > high_quality


def test_a_generator_that_stays_the_spot_it_was_is_reported(tmp_path):
    points = data.load("gaussian-ring", None, "train", shape=(2,))
    objective = {"hidden": [8], "learning_rate": 1e-30, "discriminator_learning_rate": 1e-2}
    recipe = Recipe(steps=12, batch_size=16, objective=objective)
    with torch.random.fork_rng():
        loop.fit(spot, points, recipe, tmp_path, accelerator="cpu", log_every=2, sample_every=4)
    found = diagnose(tmp_path)
    assert len(found.history.samples) == 3
    assert "mode-collapse" in [finding.kind for finding in found.findings]


def spot():
    """A GAN of points, all of them nearly the same."""
    model = zoo.create("gan", image_shape=(2,), latent_dim=1, hidden=(2,))
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, 0.01)
    return model


def test_notes_say_what_could_not_be_judged(tmp_path):
    (tmp_path / "log.jsonl").write_text(
        '{"step": 50, "losses": {"a": 1.5}}\nrubbish\n{"step": 100, "losses": {"a": 1.5}}\n'
    )
    notes = diagnose(tmp_path).notes
    assert "no gradient norms, no outputs of a discriminator, no coverage of the data" in " ".join(notes)
    assert "2 of the 6 lines" in notes[0]
    assert notes[-1].endswith("cannot be read, and were left out: 1.")
