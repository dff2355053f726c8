"""What ingress counts. Labels take fixed words only: never a workspace, a member or anything a stranger sent."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "rotavatar_ingress_requests",
    "Requests by route, by what became of them (accepted: its job is in Redis; ignored: valid and no work; refused: "
    "the sender's mistake; shed: not taken, Slack tries again; failed: ours; gone: the sender left; served) and why.",
    ["route", "outcome", "reason"],
)

ACK_SECONDS = Histogram(
    "rotavatar_ingress_ack_seconds",
    "From a Slack request's headers to its answer. Slack gives up after 3 s.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0),
)

IN_PROGRESS = Gauge("rotavatar_ingress_in_progress_requests", "Slack requests that are being answered.")

RETRIES = Counter(
    "rotavatar_ingress_slack_retries",
    "Events that Slack sent again, by the reason that Slack names.",
    ["reason"],
)

INSTALLATIONS = Counter(
    "rotavatar_ingress_installations",
    "People who came back from Slack's consent page, by what became of it.",
    ["outcome"],
)


@cache
def requests(route: str, outcome: str, reason: str) -> Counter:
    """The child of REQUESTS with these labels: looking it up by `labels` costs 4 µs."""
    return REQUESTS.labels(route, outcome, reason)


@cache
def ack_seconds(route: str) -> Histogram:
    """The child of ACK_SECONDS with this label."""
    return ACK_SECONDS.labels(route)
