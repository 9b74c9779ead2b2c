"""The table of methods: what each was published as, looks at, costs, keeps and does. ``make methods`` makes it anew.

What they do was found by running them; it is kept beside this file, so that a page can show it at once, and in
docs/methods-table.md.
"""

import json
import platform
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from dmf.facts import Facts, facts
from dmf.methods.probes import AFTER, BEFORE, ProbeResults, Reaction, cost, first_sentence, probe
from dmf.weighting import WEIGHTINGS

FILE = Path(__file__).with_name("table.json")
EVENTS = {
    "spike": "One loss is five times as high for one step.",
    "plateau": "One loss stands still from a step on, the others go on falling.",
    "scale": "One loss is ten times as high from a step on.",
}
"""What happens to the first of three losses, whose share of the weight is told."""

PAGE = """# The methods beside each other

Made by `make methods`, which runs every method; nothing in the table is written by hand but papers and the words on
what a method looks at. Three losses fall at different speeds; after {before} steps something happens to the first one.
The cells say what becomes of **its share of the weight**, beside the same history where nothing happened, at the step
at which the two differ most:

{events}

All settings are the defaults (a memory of 100 steps). `back` is when less than a tenth of the difference is left,
within the {after} steps that were looked at. Methods that need a network ran on a tiny one, whose losses have exactly
these values; the first two pull partly against each other. With another network those lines would differ.

Cost is the median CPU time from the losses to their weighted total, with three losses and without the network:
{machine}. What a method needs of the network besides stands under it. `Keeps` counts
the numbers of its state with three losses, all of which a checkpoint holds.
"""


@dataclass(frozen=True)
class Method:
    """One line of the table.

    Attributes:
        about: Its paper, and what it looks at.
        cost: Microseconds of a step.
    """

    name: str
    about: Facts
    probes: ProbeResults
    cost: float

    @property
    def keeps(self) -> str:
        """The state it keeps, in words."""
        numbers = f"{self.probes.numbers} numbers"
        return f"{numbers}, {self.probes.remembered} values of each loss" if self.probes.remembered else numbers

    @property
    def spent(self) -> str:
        """What a step costs, in words: ``"69 µs, a second forward pass"``."""
        return ", ".join(filter(None, (f"{self.cost:.0f} µs", self.probes.passes)))


@dataclass(frozen=True)
class MethodsTable:
    """All methods, and on which machine costs were measured."""

    methods: tuple[Method, ...]
    machine: str


def methods_table() -> MethodsTable:
    """The table as it is kept, with a line for each method that a plug-in added, which is run now, on this machine.

    One that cannot be run is left out; ``dmf check-method`` says why.
    """
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    lines = [
        Method(name, _about(name), _probes(line["probes"]), line["cost"]) for name, line in kept["methods"].items()
    ]
    for name in WEIGHTINGS:
        if name not in kept["methods"]:
            with suppress(Exception):  # whatever a method of someone's own raises
                lines.append(Method(name, _about(name), probe(name), cost(name)))
    return MethodsTable(tuple(lines), kept["machine"])


def measure() -> dict[str, Any]:
    """Run every method that comes with the program; what :func:`methods_table` reads."""
    lines = {name: {"probes": asdict(probe(name)), "cost": round(cost(name), 1)} for name in _built_in()}
    return {"machine": _machine(), "methods": lines}


def _built_in() -> list[str]:
    return [name for name, weighting in WEIGHTINGS.items() if weighting.__module__.startswith("dmf.")]


def _about(name: str) -> Facts:
    about = facts("weighting", name) or Facts(name)
    return about if about.looks_at else replace(about, looks_at=first_sentence(name))


def in_markdown(table: MethodsTable) -> str:
    """The table as a page of the docs."""
    events = "\n".join(f"- **{event.capitalize()}**: {about}" for event, about in EVENTS.items())
    heading = "| Method | Paper | Looks at | Cost | Keeps | Spike | Plateau | Scale change |"
    text = PAGE.format(before=BEFORE, after=AFTER, events=events, machine=table.machine)
    return "\n".join([text, heading, "|---" * 8 + "|", *(_line(method) for method in table.methods), ""])


def _line(method: Method) -> str:
    about, probes = method.about, method.probes
    paper = f"[{about.paper.title}]({about.paper.url}), {about.paper.where}" if about.paper else "–"
    reactions = (probes.spike, probes.plateau, probes.scale)
    cells = (
        f"`{method.name}`",
        paper,
        about.looks_at,
        method.spent,
        method.keeps,
        *(each.in_words() for each in reactions),
    )
    return f"| {' | '.join(cells)} |"


def _probes(kept: dict[str, Any]) -> ProbeResults:
    return ProbeResults(**kept | {event: Reaction(**kept[event]) for event in EVENTS})


def _machine() -> str:
    import torch

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = next(iter(named), model)
    return f"one thread of {model}, torch {torch.__version__}, {date.today():%B %Y}"


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the file beside this one and the page of the docs, whose path is given."""
    FILE.write_text(json.dumps(measure(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = Path(arguments[0])
    page.write_text(in_markdown(methods_table()), encoding="utf-8")
    print(f"Wrote {FILE} and {page}.")


if __name__ == "__main__":
    main(sys.argv[1:])
