"""The caller's numbers at a glance."""

from dataclasses import asdict

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from shared.manage import dashboard
from shared.user import UserId

routes = Routes("dashboard")


@routes("GET", "/dashboard/stats")
def stats(call: Call, user_id: UserId) -> Answer:
    return Answer({"stats": asdict(dashboard.get_stats(call.services, user_id))})
