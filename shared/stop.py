"""Stop: an executor that is asked to stop lets what is about to end do so, and gives up the rest."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

# For jobs that are about to end. Whoever sends SIGTERM kills soon: MiniStack two seconds later.
MOMENT_SECONDS = 1.0
# And for writing down what became of everything, should the database be away just now.
WRITING_SECONDS = 5.0


@dataclass(slots=True)
class Stop:
    """Whether this executor was ``asked`` to stop, and when it noticed, by ``time.monotonic()``."""

    asked: Callable[[], bool] = lambda: False
    noticed_at: float = math.inf

    @property
    def hands_back_at(self) -> float:
        """When what still runs is handed back."""
        return self.noticed_at + MOMENT_SECONDS

    @property
    def gives_up_at(self) -> float:
        """When it leaves without having written everything: leases run out by themselves."""
        return self.hands_back_at + WRITING_SECONDS

    def newly_asked(self) -> bool:
        """Notice; True only once."""
        if self.noticed_at != math.inf or not self.asked():
            return False
        self.noticed_at = time.monotonic()
        return True
