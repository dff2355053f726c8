"""The kernel's metrics. Each package declares its own beside them: `rotavatar_` + the subject + the unit.

Labels take few values: never a workspace, a member or an error's text.
"""

from prometheus_client import Counter, Gauge, Histogram

SLACK_CALLS = Counter(
    "rotavatar_slack_calls",
    "Calls to Slack by method and by what came of them: ok, ratelimited, or the class of the error.",
    ["method", "outcome"],
)

SLACK_CALL_SECONDS = Histogram(
    "rotavatar_slack_call_seconds",
    "From sending a request to having its whole answer, failures included.",
    ["method"],
    # Slack commonly answers within 0.1 to 0.5 s; 10 s is where we give up.
    buckets=(0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0),
)

BUILD = Gauge(
    "rotavatar_build_info",
    "Always 1: which process this is, of which version of Rotavatar, on which Python.",
    ["process", "version", "python"],
)

REDIS_UP = Gauge("rotavatar_redis_up", "1 where Redis answered the last time it was asked for the time, each 5 s.")

JOBS = Counter(
    "rotavatar_jobs",
    "Attempts at jobs by kind and by what came of them: done, failed (tried again), put_off (something was away; not "
    "counted as an attempt), buried (a dead letter now; unread where nobody could say of which kind it is).",
    ["kind", "outcome"],
)

HEARTBEAT_AGE_SECONDS = Gauge(
    "rotavatar_heartbeat_age_seconds", "How long ago a loop of the process began its last round.", ["loop"]
)

LOOP_LAG_SECONDS = Gauge(
    "rotavatar_loop_lag_seconds",
    "How much later than planned the last beat of the process's event loop came.",
)
