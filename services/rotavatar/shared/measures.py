"""What the one process tells that holds the office. Every other one has no series of these, except where it says 0."""

from prometheus_client import Gauge

HOLDER = Gauge("rotavatar_shared_facts_holder", "1 in the one process that tells the facts which all processes share.")

LAG_KNOWN = Gauge(
    "rotavatar_stream_lag_known",
    "1 where Redis can tell for every partition how many jobs of the stream were never read, else 0.",
    ["stream"],
)

LAG = Gauge("rotavatar_stream_lag_jobs", "Jobs that nobody has read yet, of the partitions that tell it.", ["stream"])

PENDING = Gauge("rotavatar_stream_pending_jobs", "Jobs that were read and are not done yet.", ["stream"])

OLDEST = Gauge(
    "rotavatar_stream_oldest_seconds",
    "Age of the oldest job that waits to be read (waiting), or that was read and is not done yet (pending); 0: none.",
    ["stream", "state"],
)

DEAD_LETTERS = Gauge("rotavatar_dead_letters", "Jobs that nobody could do and that wait for a person.", ["partition"])

DEAD_LETTERS_AGE = Gauge(
    "rotavatar_dead_letters_age_seconds",
    "How long ago the oldest dead letter was buried; 0 where there is none, and in processes that do not tell.",
)

READY = Gauge(
    "rotavatar_ready_workspaces",
    "Workspaces in which something may start now and was not claimed yet: rotations, or publishes.",
    ["work"],
)

READY_OLDEST = Gauge(
    "rotavatar_ready_oldest_seconds",
    "For how long that has been so in the workspace that waits longest; 0: in none. Slack's limits are no part of it.",
    ["work"],
)

OVERDUE = Gauge(
    "rotavatar_overdue_members",
    "Members whose photo should have changed by now, those included whom Slack's limits hold up; 0 in processes that "
    "do not tell.",
)

MEMBERS = Gauge(
    "rotavatar_members",
    "Members by what they wait for: a due time (scheduled), or the reason why they have none.",
    ["state"],
)

TOKENS = Gauge(
    "rotavatar_tokens",
    "Credentials by whose they are (member, bot) and by how they stand: sealed, missing (it died or was taken back: "
    "somebody has to consent), none (who left, or a workspace that took the app away).",
    ["owner", "state"],
)

SEALED = Gauge("rotavatar_vault_sealed_tokens", "Credentials in Redis by the id of the key that opens them.", ["key"])

KEYS_MISSING = Gauge(
    "rotavatar_vault_missing_keys", "Keys that open a credential in Redis and that the process does not have."
)

WORKSPACES = Gauge("rotavatar_workspaces", "Workspaces by how they stand with Slack and their operator.", ["status"])

COUNTED = Gauge(
    "rotavatar_census_timestamp_seconds",
    "When members, tokens and keys were counted last, in seconds since the epoch; 0 in processes that do not tell.",
)

EVERY = (LAG_KNOWN, LAG, PENDING, OLDEST, DEAD_LETTERS, READY, READY_OLDEST, MEMBERS, TOKENS, SEALED, WORKSPACES)
PLAIN = (HOLDER, DEAD_LETTERS_AGE, OVERDUE, KEYS_MISSING, COUNTED)


def forget() -> None:
    """The process tells nothing any more."""
    for gauge in EVERY:
        gauge.clear()
    for gauge in PLAIN:
        gauge.set(0)
