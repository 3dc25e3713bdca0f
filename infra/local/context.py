"""What Lambda hands to a handler beside the event."""

import secrets
import time


class Context:
    """Lambda's context object, with a deadline `timeout` seconds from now."""

    def __init__(self, function_name: str, timeout: float) -> None:
        self.function_name = function_name
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = 512
        self.aws_request_id = secrets.token_hex(16)
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function_name}"
        self.log_group_name = f"/aws/lambda/{function_name}"
        self.log_stream_name = "foreground"
        self._deadline = time.monotonic() + timeout

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function would be killed."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))
