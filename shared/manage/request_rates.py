"""What a process has let through, told to all others."""

from shared import rates
from shared.rates import Counted, Rate
from shared.services import Services
from shared.store import request_rates


def tell(services: Services, counted: Counted, subject: str, rate: Rate, requests: int) -> float:
    """Count so many requests for all processes; answers the seconds until the bucket is full again.

    That is more than ``rate.window`` when one of them was too many. Raises ``Unavailable``.
    """
    now = services.clock.real_now()
    with services.database.begin() as connection:
        return request_rates.tell(connection, rates.key_of(counted, subject), rate, requests, now)
