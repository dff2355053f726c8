"""What the rotator counts."""

from prometheus_client import Counter, Gauge, Histogram

rotations = Counter("rotavatar_rotations", "Claims carried out, by what became of them.", ["outcome"])

lateness = Histogram(
    "rotavatar_rotation_lateness_seconds",
    "How long after its due time a rotation was claimed, in two parts: slack is as long as the pacer or a Retry-After "
    "held up the whole workspace, ours is the rest.",
    ["cause"],
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200),
)

under_way = Gauge("rotavatar_rotations_under_way", "Claims that this process is carrying out.")

swept = Counter(
    "rotavatar_photos_swept",
    "Photos that no record mentions, by what the sweep did: deleted, or refused because they were too many.",
    ["outcome"],
)

# What alerts look for is there from the start: the first increase of a series that appears with it would be unseen.
for _outcome in ("given up", "put off"):
    rotations.labels(outcome=_outcome)
swept.labels(outcome="refused")

chores = Counter("rotavatar_chores", "Steps of long work on a workspace, by kind and outcome.", ["kind", "outcome"])
