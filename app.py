"""The Chalice application, for ``chalice local`` and for functions/api."""

from chalicelib.application import build
from shared.wiring import services

app = build(services)
