"""What `make chaos` found, as JSON and as Markdown in build/chaos/."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.faults.campaign.recovery import Times
from tests.faults.campaign.run import Report
from tests.faults.matrix import Outcome
from tests.faults.measures import Measured
from tests.faults.model.explore import Explored

FOLDER = Path(__file__).parents[2] / "build" / "chaos"
Explorations = Sequence[tuple[str, Explored]]


class Findings:
    """Collects what each part found, and writes all of it anew after each."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._parts: dict[str, object] = {}
        self._pages: list[str] = []
        self.faults: list[str] = []

    def model(self, worlds: Explorations, mutants: Explorations) -> None:
        """Every state of the model, and the mutants; ``wrong`` of a mutant is what caught it, empty if nothing did."""
        self.faults += [f"model, {name}: {found.wrong}" for name, found in worlds if found.wrong]
        self.faults += [f"mutant {name} was not caught" for name, found in mutants if not found.wrong]
        lines = [f"| {name} | {found.states} | {found.steps} |" for name, found in worlds]
        caught = [f"| {name} | {found.wrong} | {len(found.trace)} |" for name, found in mutants]
        states = {name: found.states for name, found in worlds}
        head = ["## Model", "", "| world | states | steps |", "|---|---|---|", *lines, ""]
        page = [*head, "| mutant | caught because | steps of the trace |", "|---|---|---|", *caught]
        self._add("model", states | {f"mutant: {name}": found.wrong for name, found in mutants}, page)
        traces = [f"{name}\n{found}\n" for name, found in mutants]
        (self._folder / "traces.txt").write_text("\n".join(traces))

    def matrix(self, outcomes: Sequence[Outcome]) -> None:
        """Campaign A."""
        self.faults += [f"{each.cell}: {fault}" for each in outcomes for fault in each.account.faults]
        self.faults += [f"{each.cell} never happened" for each in outcomes if not each.happened]
        good = Counter(each.cell.fault for each in outcomes if each.good)
        decided = sum(each.account.decided for each in outcomes)
        by_fault = ", ".join(f"{fault} {number}" for fault, number in sorted(good.items()))
        told = f"{sum(good.values())} of {len(outcomes)} cells passed: {by_fault}; {decided} decisions."
        part = [{"cell": str(each.cell), "happened": each.happened} | asdict(each.account) for each in outcomes]
        self._add("matrix", part, ["## Every fail point times every fault", "", told])

    def measures(self, found: Sequence[Measured]) -> None:
        """What is promised about time."""
        self.faults += [f"{each.what}: {each.times}, promised {each.limit}" for each in found if not each.good]
        lines = [f"| {each.what} | {_times(each.times)} | {each.limit or ''} |" for each in found]
        page = ["## Times", "", "| what | cases, median, longest (s) | promised (s) |", "|---|---|---|", *lines]
        self._add("measures", [asdict(each) for each in found], page)

    def campaign(self, report: Report) -> None:
        """Campaign B."""
        self.faults += report.account.faults
        account = report.account
        rows = {
            "due times expected": account.expected,
            "decided": account.decided,
            "executed": account.executed,
            "failed, with a reason": account.failed,
            "skipped, with a reason": account.skipped,
            "lost": account.lost,
            "doubled decisions": account.doubled,
            "calls of the target": account.calls,
            "of them repetitions of an occurrence": account.called_again,
            "calls with the same key at once": account.overlaps,
            "95 % bound of the part that is lost": f"{report.bound:.1e}",
            "next call after an executor's death": _times(report.after_kills),
            "first call after PostgreSQL's return": _times(report.after_database),
            "first call after the queue's return": _times(report.after_queue),
            "quiet after (s)": report.drained_after,
        }
        events = ", ".join(f"{what} {number}" for what, number in sorted(report.events.items()))
        page = [f"## Campaign: seed {report.seed}, {report.minutes:g} minutes", "", "| | |", "|---|---|"]
        page += [f"| {what} | {value} |" for what, value in rows.items()]
        page += ["", f"Events: {events}. Faults at fail points: {report.faults_reached}. Messages: {report.messages}."]
        page += ["", *(f"- {number} {reason}" for reason, number in sorted(account.reasons.items()))]
        self._add("campaign", json.loads(report.json()), page)

    def page(self) -> str:
        """The report so far, as Markdown."""
        verdict = [f"- {fault}" for fault in self.faults[:100]] or ["Nothing is wrong."]
        return "\n".join(["# Chaos", "", *verdict, "", *self._pages]) + "\n"

    def _add(self, name: str, part: object, page: Sequence[str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._parts[name] = part
        self._pages += [*page, ""]
        (self._folder / "report.json").write_text(json.dumps({"faults": self.faults, **self._parts}, indent=2) + "\n")
        (self._folder / "report.md").write_text(self.page())


def _times(times: Times) -> str:
    return f"{times.number}, {times.median}, {times.longest}"
