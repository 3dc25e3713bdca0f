"""The application: every Blueprint, and the services behind them."""

from typing import Any

from chalice import Chalice

from chalicelib import call
from chalicelib.limits import Limits
from chalicelib.resources import (
    actions,
    api_keys,
    auth,
    breakers,
    calendars,
    dashboard,
    dead_letters,
    documents,
    health,
    job_executions,
    job_templates,
    jobs,
    metrics,
    schedules,
    secrets,
    services,
    triggers,
    user,
    welcome,
)
from chalicelib.stopwatch import Stopwatch

RESOURCES = (
    auth.routes,
    user.routes,
    api_keys.routes,
    schedules.routes,
    calendars.routes,
    secrets.routes,
    actions.routes,
    jobs.routes,
    job_templates.routes,
    triggers.routes,
    dead_letters.routes,
    job_executions.routes,
    breakers.routes,
    dashboard.routes,
    services.routes,
    health.routes,
    metrics.routes,
    documents.routes,
    welcome.routes,
)


def build(provide: call.Provide) -> Any:
    """The Chalice object, with a ``stopwatch``. ``provide`` is asked for services when a request first needs them."""
    app = Chalice("cronny", configure_logs=False)
    app.stopwatch = Stopwatch()
    app.register_middleware(call.middleware(provide, app.stopwatch, Limits()), "http")
    for resource in RESOURCES:
        app.register_blueprint(resource.blueprint(), url_prefix=resource.prefix or None)
    return app
