"""Is a GAN training well? Warnings in plain words from the log of a run.

Each rule is a function of the log's lines: it returns a `Finding`, or None while there is no reason to worry or too
little of the run to tell. What the rules look for is described by Goodfellow 2016 (arXiv:1701.00160, sections 3.2.3 and
5.1.1) and by Arjovsky & Bottou 2017 (arXiv:1701.04862, section 2). Their thresholds are our own, and wide: a warning is
meant to be worth reading.
"""
# Long because each of ten rules says what it looks for, in numbers and in plain words.

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from zoo.reports.history import COVERAGE, GROUPS, PRECISION, History, Line, names, read, series

ENOUGH = 6  # lines that a rule wants to see
FEW = 200  # steps, before which nothing can have been learned
TOLD_APART = 0.8  # D on real less D on generated images, from which the discriminator knows nearly all of them
FAINT = 100  # how many times smaller than at its largest a gradient is that has vanished; or than the discriminator's
FAINT_CRITIC = 1000  # the same under a critic, whose scale may change by itself
ALIKE = 0.05  # the same difference, within which the discriminator tells nothing apart
POOR = 0.25  # coverage that is poor; the blurred images of a small VAE reach 0.5
LOST = 0.5  # share of the best coverage below which much was lost
REACHED = 0.75  # share of the known modes that must be reached
NEAR = 0.1  # share of samples near real ones below which they are unlike them
BARE = 0.05  # coverage so poor that one look at it is enough
COPIES = 0.03  # share of samples that are another's copy, beyond those in the data, from which they are too many
FLAT = 0.1  # of what varies in the data, the share below which what is drawn does not vary
CONTRAST = (0.5, 1.6)  # of generated images against real ones, outside of which theirs is wrong
BRIGHTNESS = 0.25  # difference of the means, of black and white 1, from which it is wrong
ROUGH = 2.0  # how many times as much as in the data neighbouring pixels of noise differ
EXPLODED = 100.0  # how many times its early size a loss has when it has exploded
LOOK = "Look at the samples; train longer"


@dataclass(frozen=True)
class Finding:
    """What is wrong, in a word for machines and in plain words with numbers, and what to try."""

    kind: str
    text: str
    advice: str

    def __str__(self) -> str:
        return f"{self.text} {self.advice}"


@dataclass(frozen=True)
class Diagnosis:
    """A run, what the rules found, and notes on what could not be judged."""

    history: History
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def all_clear(self) -> str:
        """What there is to say without findings, which is less where there was little to judge by."""
        enough = len(self.history.lines) >= ENOUGH and _seen(self.history.lines)
        return "Nothing wrong was found." if enough else "Nothing wrong was found in what there is to judge by."

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the last line's numbers."""
        lines = self.history.lines
        last = {group: {n: series(lines, group, n)[-1][1] for n in names(lines, group)} for group in GROUPS}
        return {
            "folder": str(self.history.folder),
            "step": lines[-1].step,
            "lines": len(lines),
            **last,
            "kind": lines[-1].kind,
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
        }


def diagnose(path: str | Path) -> Diagnosis:
    """Read the run in `path` (see `zoo.reports.history.read`, also for what it raises) and apply every rule."""
    history = read(path)
    found = (rule(history.lines) for rule in RULES)
    return Diagnosis(history, tuple(finding for finding in found if finding), tuple(_notes(history)))


def barely_trained(lines: Sequence[Line]) -> Finding | None:
    """A run of so few steps that nothing can be expected of it."""
    last = lines[-1].step
    if last >= FEW:
        return None
    text = f"The run has made {last:,} step{'s' * (last != 1)}, after which no network has learned much."
    return Finding("barely-trained", text, "Train longer: thousands of steps are usual (--set steps=N).")


def divergence(lines: Sequence[Line]) -> Finding | None:
    """A loss or a gradient that is not finite, or a loss that lately is a hundred times what it was early on."""
    advice = "Try a lower objective.learning_rate, clip=1, or a penalty on the discriminator (objective.r1=1)."
    for line in lines:
        for group, what in (("losses", "loss"), ("gradients", "gradient")):
            for name, value in getattr(line, group).items():
                if not math.isfinite(value):
                    text = f"The {name}'s {what} is no finite number at step {line.step}."
                    return Finding("divergence", text, advice)
    if len(lines) < ENOUGH:
        return None
    tenth = max(3, len(lines) // 10)
    for name in names(lines, "losses"):
        sizes = [abs(value) for _, value in series(lines, "losses", name)]
        early, late = median(sizes[:tenth]), median(sizes[-tenth:])
        if late >= EXPLODED * max(early, 1.0):
            text = f"The {name}'s loss has exploded: its size was {early:.3g} and is now {late:.3g}."
            return Finding("divergence", text, advice)
    return None


def vanishing_gradient(lines: Sequence[Line]) -> Finding | None:
    """The discriminator tells real and generated images apart nearly always, and the generator's gradient has become
    small: against its largest, or against the discriminator's. Of a critic, whose outputs have no scale, the gradient
    alone must have fallen, and by more."""
    gradients = [value for _, value in series(lines, "gradients", "generator")]
    if len(gradients) < ENOUGH:
        return None
    now, most, kind = median(_late(gradients)), max(gradients), lines[-1].kind
    others = [value for _, value in series(lines, "gradients", "discriminator")]
    against = median(_late(others)) if others else 0.0
    text = f"The generator's gradient has vanished: its norm was up to {most:.2g} and is now {now:.2g}"
    if kind == "probability":
        real, fake = (_lately(lines, "outputs", name) for name in ("real", "fake"))
        if real is None or fake is None or real - fake < TOLD_APART or FAINT * now > max(most, against):
            return None
        text += f", where the discriminator's is {against:.2g}, which gives real images {real:.2f} and generated ones "
        text += f"{fake:.2g}. It wins too easily to teach anything."
        advice = "Try objective.loss=non-saturating, a lower objective.discriminator_learning_rate, "
        return Finding("vanishing-gradient", text, f"{advice}objective.input_noise=0.1 or objective.r1=1; or wgan-gp.")
    if FAINT_CRITIC * now > most:
        return None
    advice = "a gradient penalty (objective.gradient_penalty=10) in place of weight clipping, or a wider range of it."
    if kind == "energy":
        advice = "a lower objective.discriminator_learning_rate or a larger margin."
    return Finding("vanishing-gradient", f"{text}.", f"Try {advice}")


def mode_collapse(lines: Sequence[Line]) -> Finding | None:
    """Coverage has fallen to less than half of its best, or stays poor; or, where modes are known, a quarter of them or
    more stays out; or at a single look there is next to no coverage, or no variety, or one sample is drawn again and
    again. Not where samples are as varied as the data, but unlike them, nor where they are noise, whose averages are
    all alike, nor while things get better."""
    seen = _seen(lines)
    if not seen or _rough(seen[-1]):
        return None
    now, best = fmean(found[COVERAGE] for found in seen[-2:]), max(found[COVERAGE] for found in seen)
    advice = (
        "Try wgan-gp, objective.r1=1, objective.label_noise=0.05, a lower objective.learning_rate or a larger batch."
    )
    reached = _modes(seen[-1])
    if len(seen) > 1 and best >= POOR and now < LOST * best:
        at = next(line.step for line in lines if line.coverage.get(COVERAGE) == best)
        text = f"Mode collapse: coarse coverage was {best:.2f} at step {at} and is now {now:.2f}{reached}."
        return Finding("mode-collapse", text, advice)
    last = seen[-3:]
    if len(last) < 3 or _unlike(last):
        return _collapsed(seen[-1], reached, advice)
    poor = all(found[COVERAGE] < POOR for found in last) and not _rises([found[COVERAGE] for found in last])
    known = [found for found in last if found.get("modes_of")]
    few = len(known) == len(last) and all(found["modes"] <= REACHED * found["modes_of"] for found in known)
    if poor or (few and not _rises([found["modes"] for found in known])):
        text = f"Mode collapse: coarse coverage is {now:.2f}{reached}, and does not get more."
        return Finding("mode-collapse", text, advice)
    return _collapsed(seen[-1], reached, advice)


def constant_samples(lines: Sequence[Line]) -> Finding | None:
    """What was last generated is plain: pixels vary neither within an image nor from one to the next."""
    found = _seen(lines)[-1:]
    if not found or not _plain(found[0]):
        return None
    text = f"What is generated is plain: its contrast is {found[0]['contrast']:.0%} of the data's, and all of it alike."
    return Finding("constant-samples", text, f"{LOOK}; a lower objective.learning_rate, if they once were not.")


def wrong_contrast(lines: Sequence[Line]) -> Finding | None:
    """What was last generated is far paler, harsher, darker or lighter than the data."""
    found = _seen(lines)[-1:]
    if not found or "contrast" not in found[0] or _plain(found[0]):
        return None
    contrast, brightness = found[0]["contrast"], found[0].get("brightness", 0.0)
    if CONTRAST[0] <= contrast <= CONTRAST[1] and abs(brightness) <= BRIGHTNESS:
        return None
    darker = f"{abs(brightness):.0%} {'darker' if brightness < 0 else 'lighter'}"
    text = f"What is generated has {contrast:.2f} times the contrast of the data, and is {darker}."
    return Finding("wrong-contrast", text, f"{LOOK}, or see that images are in [0, 1] wherever you make them.")


def noise(lines: Sequence[Line]) -> Finding | None:
    """Neighbouring pixels of what was last generated differ far more than those of the data, for their contrast."""
    found = _seen(lines)[-1:]
    if not found or not _rough(found[0]):
        return None
    text = (
        f"What is generated is noise: its neighbouring pixels differ {found[0]['roughness']:.1f} times as much as real."
    )
    return Finding("noise", text, f"{LOOK}, or with a lower objective.learning_rate.")


def unlike_data(lines: Sequence[Line]) -> Finding | None:
    """What is generated stays varied, but does not come near the data."""
    last = _seen(lines)[-3:]
    if len(last) < 3 or not _unlike(last) or _rises([found[PRECISION] for found in last]):
        return None
    text = (
        f"What is generated is varied but unlike the data: {last[-1][PRECISION]:.0%} of it lies near real samples, "
        f"coarse coverage is {last[-1][COVERAGE]:.2f}."
    )
    return Finding("unlike-data", text, "Look at the samples; train longer, or with a larger network or another rate.")


def idle_discriminator(lines: Sequence[Line]) -> Finding | None:
    """In nine lines of ten or more the discriminator gives the same to everything, while coverage is poor: at an
    equilibrium it would be good."""
    pairs = [line.outputs for line in lines if {"real", "fake"} <= line.outputs.keys()]
    covered = series(lines, "coverage", COVERAGE)
    if len(pairs) < ENOUGH or lines[-1].kind != "probability" or not covered or covered[-1][1] >= POOR:
        return None
    if sum(abs(pair["real"] - pair["fake"]) >= ALIKE for pair in pairs) > len(pairs) / 10:
        return None
    text = (
        f"The discriminator learns nothing: it gives {fmean(pair['real'] for pair in pairs):.2f} to real images and "
        f"{fmean(pair['fake'] for pair in pairs):.2f} to generated ones, yet coarse coverage is {covered[-1][1]:.2f}."
    )
    advice = "Try a higher objective.discriminator_learning_rate, more objective.discriminator_steps or a wider one."
    return Finding("idle-discriminator", text, advice)


RULES = (
    barely_trained,
    divergence,
    vanishing_gradient,
    mode_collapse,
    constant_samples,
    wrong_contrast,
    noise,
    unlike_data,
    idle_discriminator,
)


def _seen(lines: Sequence[Line]) -> list[dict[str, float]]:
    """What the monitor measured, time after time."""
    return [line.coverage for line in lines if COVERAGE in line.coverage]


def _plain(found: dict[str, float]) -> bool:
    """Whether images vary neither within themselves nor from one to the next."""
    return max(found.get("contrast", 1.0), found.get("spread", 1.0)) < FLAT


def _rough(found: dict[str, float]) -> bool:
    """Whether images that are not plain are noise."""
    return found.get("roughness", 1.0) > ROUGH and not _plain(found)


def _collapsed(found: dict[str, float], reached: str, advice: str) -> Finding | None:
    """What can be told at a single look, but for plain images."""
    if _plain(found):
        return None
    if (spread := found.get("spread", 1.0)) < FLAT:
        text = f"Mode collapse: what is generated is all alike; it varies {spread:.1%} as much as the data{reached}."
        return Finding("mode-collapse", text, advice)
    if (copies := found.get("copies", 0.0)) > COPIES:
        text = (
            f"Mode collapse: {copies:.1%} of what is generated are copies of others, beyond those in the data{reached}."
        )
        return Finding("mode-collapse", text, advice)
    if found[COVERAGE] < BARE and found.get(PRECISION, 0.0) >= NEAR:
        text = f"Mode collapse: coarse coverage is {found[COVERAGE]:.2f}{reached}, though samples lie near real ones."
        return Finding("mode-collapse", text, advice)
    return None


def _unlike(seen: Sequence[dict[str, float]]) -> bool:
    """Whether samples are about as varied as the data and hardly any is near a real one."""
    return all(
        found[COVERAGE] < POOR and found.get(PRECISION, 1.0) < NEAR and found.get("spread", 0.0) > LOST
        for found in seen
    )


def _rises(values: Sequence[float]) -> bool:
    """Whether the last value is well above the first."""
    return values[-1] > 1.25 * values[0] + 0.02


def _late(values: Sequence[float]) -> Sequence[float]:
    """The last quarter, and three at least."""
    return values[-max(3, len(values) // 4) :]


def _lately(lines: Sequence[Line], group: str, name: str) -> float | None:
    values = [value for _, value in series(lines, group, name)]
    return median(_late(values)) if values else None


def _modes(found: dict[str, float]) -> str:
    """What a measurement says about modes and classes, to go after a comma's place."""
    return "".join(
        f", {found[name]:g} of {found[f'{name}_of']:g} {name}" for name in ("modes", "classes") if name in found
    )


def _notes(history: History) -> list[str]:
    lines, notes = history.lines, []
    if len(lines) < ENOUGH:
        notes.append(f"The log has {len(lines)} of the {ENOUGH} lines or more that most rules want to see.")
    words = {"gradients": "gradient norms", "outputs": "outputs of a discriminator", "coverage": "coverage of the data"}
    lacking = [word for group, word in words.items() if not names(lines, group)]
    if lacking:
        notes.append(f"The log has no {', no '.join(lacking)}: what shows in them could not be judged.")
    if 0 < len(series(lines, "coverage", COVERAGE)) < 3:
        notes.append("Coverage was measured less than three times, which is too few to see that it stays poor.")
    if _seen(lines):
        notes.append(
            "Coarse coverage and precision compare images of 8 × 8 pixels, or vectors; those that zoo evaluate "
            "measures compare features, and are lower."
        )
    if history.damaged:
        notes.append(f"Lines of the log that cannot be read, and were left out: {history.damaged}.")
    return notes
