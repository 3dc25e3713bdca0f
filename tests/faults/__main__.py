"""All campaigns: ``python -m tests.faults [--seed 1] [--minutes 30] [--only model,matrix,measures,campaign]``.

Prints what it does, and every ten seconds how it goes. The report is written to build/chaos/ after each part; the exit
status says whether anything is wrong. A campaign that failed is replayed by its seed and its length.
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable

from tests.faults.campaign.run import campaign
from tests.faults.lab.server import serving
from tests.faults.matrix import Outcome, cells, run_all
from tests.faults.measures import measure
from tests.faults.model.explore import explore
from tests.faults.model.mutants import LARGE, MUTANTS, SMALL
from tests.faults.report import Findings

PARTS = ("model", "matrix", "measures", "campaign")
# They mostly wait: for leases, for messages to be sent again.
CELLS_AT_ONCE = 12


def main() -> int:
    """Run the parts that are asked for; answers the exit status."""
    parser = argparse.ArgumentParser("python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    options = parser.parse_args()
    # Connections that a killed server has cut are nothing to talk about here.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    findings = Findings()
    parts: dict[str, Callable[[], None]] = {
        "model": lambda: _model(findings),
        "matrix": lambda: _matrix(findings),
        "measures": lambda: findings.measures(measure(_tell)),
        "campaign": lambda: findings.campaign(campaign(options.seed, options.minutes, _tell)),
    }
    for part in PARTS:
        if part in options.only.split(","):
            _tell(f"--- {part}")
            parts[part]()
    print(findings.page())
    return 1 if findings.faults else 0


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def _model(findings: Findings) -> None:
    worlds = []
    for config in (*SMALL, *LARGE):
        worlds.append((config.name, explore(config)))
        _tell(f"{config.name}: {worlds[-1][1]}")
    mutants = [(mutant.name, explore(mutant.config, mutant.rules)) for mutant in MUTANTS]
    for name, found in mutants:
        _tell(f"{name}: {found}")
    findings.model(worlds, mutants)


def _matrix(findings: Findings) -> None:
    wanted = list(cells())
    done: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        done.append(outcome)
        _tell(f"{len(done):4} of {len(wanted)}  {'good' if outcome.good else 'WRONG'}  {outcome.cell}")
        for fault in outcome.account.faults:
            _tell(f"      {fault}")

    with serving() as server:
        findings.matrix(run_all(server.settings, wanted, CELLS_AT_ONCE, tell))


if __name__ == "__main__":
    sys.exit(main())
