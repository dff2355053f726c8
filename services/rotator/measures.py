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

swept = Counter(
    "rotavatar_photos_swept",
    "Photos that no record mentions, by what the sweep did: deleted, or refused because they were too many.",
    ["outcome"],
)

dead_letters = Gauge(
    "rotavatar_dead_letters",
    "Jobs that nobody could do and that wait for a person. Every rotator tells the same number: take the greatest.",
    ["partition"],
)

dead_letters_age = Gauge(
    "rotavatar_dead_letters_age_seconds",
    "How long ago the oldest dead letter was buried; 0 where there is none. Every rotator tells the same.",
)

chores = Counter("rotavatar_chores", "Steps of long work on a workspace, by kind and outcome.", ["kind", "outcome"])
