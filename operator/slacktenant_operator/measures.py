"""What the operator counts."""

from prometheus_client import Counter, Gauge, Histogram

reconciles = Histogram(
    "rotavatar_operator_reconcile_seconds",
    "From taking a workspace to having made everything true about it, by what came of it: unchanged, changed, failed.",
    ["outcome"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

queue_depth = Gauge("rotavatar_operator_queue_depth", "Workspaces that wait to be reconciled.")

queue_oldest = Gauge(
    "rotavatar_operator_queue_oldest_seconds", "How long the workspace has waited that has waited longest."
)

tenants = Gauge(
    "rotavatar_operator_tenants",
    "SlackTenants by condition and status, as they were last reconciled.",
    ["condition", "status"],
)

comparison = Histogram(
    "rotavatar_operator_comparison_seconds",
    "Duration of one comparison of everything that Kubernetes and Redis hold, which finds what no event told.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)

api_errors = Counter(
    "rotavatar_operator_kubernetes_errors",
    "Answers of the Kubernetes API other than success, by HTTP status; 0: no answer.",
    ["code"],
)

api_calls = Counter("rotavatar_operator_kubernetes_calls", "Calls of the Kubernetes API, watches aside.", ["verb"])
