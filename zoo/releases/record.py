"""A measured number, as the Hub's model-index holds it on a card. Nothing here imports torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Record:
    """One number. type: by which programs know it; name: for people; args: how it was measured, and what else is to be
    read beside it, in the order in which a card shows it."""

    type: str
    name: str
    value: float
    args: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, metric: dict[str, Any]) -> Record:
        """The record that `to_dict` or a card gives."""
        return cls(metric["type"], metric["name"], metric["value"], dict(metric.get("args") or {}))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for YAML and JSON."""
        return {"type": self.type, "name": self.name, "value": self.value, "args": dict(self.args)}

    @property
    def floor(self) -> float | None:
        """The same number of real data, where there is one."""
        return self.number("floor")

    def number(self, name: str) -> float | None:
        """The finite number that one of the args is; None where it has none, or something else, as a card may."""
        value = self.args.get(name)
        # Compared, since an integer may be too large to be a float.
        found = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf
        return value if found else None

    @property
    def seeds(self) -> dict[int, float]:
        """The values over training seeds, by these, where others than the release's were tried."""
        return self.args.get("seeds") or {}

    @property
    def spread(self) -> str:
        """Mean ± sample standard deviation of the values over training seeds, as in "0.305 ± 0.011 (3 seeds)"; empty
        where there are not two."""
        values = [float(value) for value in self.seeds.values()]
        if len(values) < 2:
            return ""
        mean = sum(values) / len(values)
        deviation = math.hypot(*(value - mean for value in values)) / math.sqrt(len(values) - 1)
        return f"{mean:.4g} ± {float(f'{deviation:.2g}'):g} ({len(values)} seeds)"

    def how(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Those of the args `names` that it has, in their order."""
        return {name: self.args[name] for name in names if self.args.get(name) is not None}


def number(value: float | None) -> str:
    """For people: four significant digits, or a dash for None."""
    return "–" if value is None else f"{value:.4g}"
