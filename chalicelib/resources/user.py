"""The caller's own profile and plan."""

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from chalicelib.says import changes, does, lists, reads
from chalicelib.tags import Shown, expect_nothing
from chalicelib.wire import users
from chalicelib.wire.drafts import change
from shared.identity import Caller, Scope
from shared.manage import accounts
from shared.user import UserId

routes = Routes("user")

PROFILE = Shown("profile", users.profile_to_json)


@routes("GET", "/user/profile", says=reads("What you tell about yourself.", "profile", users.ProfileJson))
def get_profile(call: Call, user_id: UserId) -> Answer:
    return PROFILE.answer(accounts.get_user(call.services, user_id))


@routes(
    "PUT PATCH",
    "/user/profile",
    scope=Scope.ACCOUNT,
    says=changes("Change what you tell about yourself.", users.ProfileFields, "profile", users.ProfileJson),
)
def change_profile(call: Call, caller: Caller) -> Answer:
    draft, expected = change(users.ProfileFields, call.body()), PROFILE.expected(call)
    user = accounts.change_profile(call.services, caller.user_id, draft, expected)
    return Answer({"profile": users.profile_to_json(user), "message": "Your profile is saved."})


@routes(
    "GET",
    "/user/plans",
    says=lists("The plans that there are, with their limits.", "plans", users.PlanJson, paged=False),
)
def list_plans(call: Call, _user_id: UserId) -> Answer:
    plans = [users.plan_to_json(plan) for plan in accounts.get_plans(call.services)]
    return Answer({"plans": plans, "next_cursor": None})


@routes(
    "PUT",
    "/user/plan",
    scope=Scope.ACCOUNT,
    says=does("Choose a plan.", {"plan": users.PlanJson}, users.PlanChoice, guarded=True),
)
def choose_plan(call: Call, caller: Caller) -> Answer:
    expect_nothing(call)
    plan = accounts.choose_plan(call.services, caller.user_id, change(users.PlanChoice, call.body()))
    return Answer({"plan": users.plan_to_json(plan), "message": f"You are on the plan {plan.name}."})
