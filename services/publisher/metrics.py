"""The publisher's metrics."""

from prometheus_client import Counter, Gauge, Histogram

PUBLISHES = Counter(
    "rotavatar_publishes",
    "Publishes of Home tabs by what came of them: ok, nothing (no app there), fresh (shown already), again, …",
    ["outcome"],
)

DEGRADED = Counter(
    "rotavatar_publishes_degraded",
    "Home tabs that Slack took only without pictures, or only as a short notice.",
    ["form"],
)

for _form in ("plain", "notice"):  # there from the start, so that the first increase is seen
    DEGRADED.labels(_form)

PUBLISH_SECONDS = Histogram(
    "rotavatar_publish_latency_seconds",
    "From the first wish for a fresh tab to Slack's answer that it is shown, in real seconds, of members who look at "
    "it (yes), and of those who do not (no) and whose tabs may wait for Slack's limit.",
    ["looking"],
    # A click should show within 0.5 s; a bulk refresh of 2,000 tabs takes half an hour at Slack's pace.
    buckets=(0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0),
)

WANTED = Gauge("rotavatar_publishes_wanted_tabs", "Home tabs that wait for a publish, over all workspaces.")
