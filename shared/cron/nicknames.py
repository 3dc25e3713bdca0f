"""Words that stand for a whole expression."""

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# The Open Cron Pattern Specification (1.1, 4.2) wants it understood, and refused in words where nothing ever starts.
UNSUPPORTED = {"@reboot": "is not supported, because functions have no start of their own"}
