"""Structured logs of a function: every record of ``cronny.*`` becomes one JSON line."""

import logging
from functools import cache

from aws_lambda_powertools import Logger


@cache
def logger(service: str) -> Logger:
    """The function's logger; the domain's own loggers write through it."""
    log = Logger(service=service, logger_formatter=None)
    domain = logging.getLogger("cronny")
    domain.handlers = log.handlers
    domain.setLevel(logging.INFO)
    domain.propagate = False
    return log
