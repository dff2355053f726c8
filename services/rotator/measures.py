"""What the rotator counts."""

from prometheus_client import Counter, Gauge, Histogram

rotations = Counter("rotavatar_rotations", "Claims carried out, by what became of them.", ["outcome"])

jobs = Counter("rotavatar_schedule_jobs", "Jobs of the schedule stream, by kind and outcome.", ["kind", "outcome"])

lateness = Histogram(
    "rotavatar_rotation_lateness_seconds",
    "How long after its due time a rotation was claimed.",
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200),
)

under_way = Gauge("rotavatar_rotations_under_way", "Claims that this process is carrying out.")

chores = Counter("rotavatar_chores", "Steps of long work on a workspace, by kind and outcome.", ["kind", "outcome"])
