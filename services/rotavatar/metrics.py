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

LOOP_LAG_SECONDS = Gauge(
    "rotavatar_loop_lag_seconds",
    "How much later than planned the last beat of the process's event loop came.",
)
