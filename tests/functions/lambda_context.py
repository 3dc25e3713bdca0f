"""As much of a Lambda context as handlers read."""


class Context:
    """Says that so many seconds are left, for ever."""

    def __init__(self, seconds: float = 120) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)
