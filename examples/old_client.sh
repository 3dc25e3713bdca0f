#!/usr/bin/env bash
# A client of the original API's kind: integer codes, user_id in every body, JSON as text inside JSON.
# It signs up (or logs in), builds template, action, job and schedule, switches the schedule on, looks around, and waits
# until the schedule has fired.
#
#   examples/old_client.sh [BASE_URL] [TARGET_URL]
#
# Needs bash, curl and python3. OLD_CLIENT_USER and OLD_CLIENT_PASSWORD name another account than the example's.
set -euo pipefail

base="${1:-http://127.0.0.1:8009}"
api="$base/api/cronny/v1"
target="${2:-$base/health}"
username="${OLD_CLIENT_USER:-old-client}"
password="${OLD_CLIENT_PASSWORD:-old-client-password}"
token=""
answer=""

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# call METHOD PATH "STATUS [STATUS...]" [BODY]: leaves the answer's body in $answer.
call() {
    local method="$1" path="$2" expected="$3" body="${4:-}" status
    local options=(--silent --show-error --max-time 30 --request "$method" --header "Content-Type: application/json")
    [[ -z "$token" ]] || options+=(--header "Authorization: Bearer $token")
    [[ -z "$body" ]] || options+=(--data "$body")
    answer="$(curl "${options[@]}" --write-out '\n%{http_code}' "$api$path")" || fail "$method $path: no answer from $base"
    status="${answer##*$'\n'}"
    answer="${answer%$'\n'*}"
    [[ " $expected " == *" $status "* ]] || fail "$method $path answered $status, expected $expected: $answer"
    echo "$method $path -> $status"
}

# field PATH: a value of $answer, by the names on the way to it: schedule.id
field() {
    python3 -c '
import json, sys
value = json.loads(sys.argv[1])
for name in sys.argv[2].split("."):
    value = value[int(name)] if isinstance(value, list) else value[name]
print(value)' "$answer" "$1" || fail "there is no $1 in $answer"
}

expect() {
    [[ "$(field "$1")" == "$2" ]] || fail "$1 is $(field "$1"), expected $2"
}

# quoted TEXT: the text as a JSON string.
quoted() {
    python3 -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$1"
}

echo "1. An account"
call POST /auth/register "201 409" \
    "{\"username\": \"$username\", \"email\": \"$username@example.org\", \"password\": $(quoted "$password")}"
call POST /auth/login 200 "{\"username\": \"$username\", \"password\": $(quoted "$password")}"
token="$(field token)"
user_id="$(field user.id)"
expect user.username "$username"

echo "2. A template, an action, a job"
call POST /job_templates "200 201" "{\"name\": \"http\", \"user_id\": $user_id}"
template_id="$(field job_template.id)"
call POST /actions 201 "{\"name\": \"old action\", \"description\": \"calls $target\", \"user_id\": $user_id}"
action_id="$(field action.id)"
input="$(quoted "{\"method\": \"GET\", \"url\": $(quoted "$target")}")"
call POST /jobs 201 "{
    \"name\": \"old job\", \"action_id\": $action_id, \"job_template_id\": $template_id, \"is_root_job\": true,
    \"job_input_type\": \"static_input\", \"job_input_value\": $input, \"condition\": \"\",
    \"job_timeout_in_secs\": 10, \"user_id\": $user_id}"
expect job.job_input_value.url "$target"
call GET "/jobs?action_id=$action_id" 200
expect jobs.0.name "old job"

echo "3. A schedule, every ten seconds after the run before"
call POST /schedules 201 "{
    \"name\": \"old schedule\", \"schedule_type\": 3, \"schedule_value\": \"10\", \"schedule_unit\": \"second\",
    \"schedule_status\": 4, \"ends_at\": \"\", \"action_id\": $action_id, \"user_id\": $user_id}"
schedule_id="$(field schedule.id)"
expect schedule.schedule_type relative
expect schedule.schedule_status inactive
call PUT "/schedules/$schedule_id" 200 "{\"schedule_status\": 1, \"user_id\": $user_id}"
expect schedule.schedule_status pending

echo "4. The profile and the plan"
call PUT /user/profile 200 "{\"first_name\": \"Old\", \"last_name\": \"Client\", \"city\": \"Turin\", \"user_id\": $user_id}"
call GET /user/profile 200
expect profile.city Turin
call GET /user/plans 200
plan_id="$(field plans.0.id)"
call PUT /user/plan 200 "{\"plan_id\": $plan_id, \"user_id\": $user_id}"
expect plan.id "$plan_id"

echo "5. It fires"
deadline=$((SECONDS + 30))
while :; do
    call GET "/triggers?schedule_id=$schedule_id&status=completed" 200 >/dev/null
    [[ "$answer" == *'"triggers":[]'* ]] || break
    ((SECONDS < deadline)) || {
        call GET "/triggers?schedule_id=$schedule_id" 200
        fail "the schedule has not completed a trigger within 30 seconds: $answer"
    }
    sleep 1
done
echo "completed: due $(field triggers.0.due_at), started $(field triggers.0.started_at)"

call PUT "/schedules/$schedule_id" 200 "{\"schedule_status\": 4, \"user_id\": $user_id}"
expect schedule.schedule_status inactive
echo "All as it should be."
