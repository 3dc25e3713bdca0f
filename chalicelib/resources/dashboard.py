"""The caller's numbers at a glance."""

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from chalicelib.says import reads
from chalicelib.wire.dashboard import StatsJson, to_json
from shared.manage import dashboard
from shared.user import UserId

routes = Routes("dashboard")


@routes("GET", "/dashboard/stats", says=reads("Your numbers at a glance.", "stats", StatsJson))
def stats(call: Call, user_id: UserId) -> Answer:
    return Answer({"stats": to_json(dashboard.get_stats(call.services, user_id))})
