"""What this context counts, and how its log lines are called."""

from prometheus_client import Counter, Gauge, Histogram

REPORT_COMPLETED = "report.completed"
REPORT_FAILED = "report.failed"
REPORT_CANCELLED = "report.cancelled"
BATCH_CANCELLED = "batch.cancelled"
REPORT_RETRIED = "report.retried"
REPORT_SUPERSEDED = "report.superseded"
REPORTS_REQUEUED = "reports.requeued"
CAPTURE_SLOW = "capture.slow"
CAPTURE_DISABLED = "capture.disabled"
LINEAGE_RECORDED = "lineage.recorded"
LINEAGE_POSTPONED = "lineage.postponed"
LINEAGE_BURIED = "lineage.buried"
LINEAGE_OVERDUE = "lineage.overdue"
LINEAGE_REDRIVEN = "lineage.redriven"
LINEAGE_DISCARDED = "lineage.discarded"
CAPTURE_FAILED = "capture.failed"
LEAD_ERASED = "lead.erased"
ERASURE_HELD = "erasure.held"
ERASURE_POSTPONED = "erasure.postponed"
ERASURES_UNKNOWN = "erasures.unknown"
REPORT_REPRODUCED = "report.reproduced"
COVERAGE_INCOMPLETE = "coverage.incomplete"
COVERAGE_UNKNOWN = "coverage.unknown"
ENVIRONMENT_UNKEPT = "environment.unkept"
WEBHOOK_CHANGED = "webhook.changed"
WEBHOOK_DELIVERED = "webhook.delivered"
WEBHOOK_POSTPONED = "webhook.postponed"
WEBHOOK_FAILED = "webhook.failed"
WEBHOOK_DISABLED = "webhook.disabled"
RENDERING_INCOMPLETE = "rendering.incomplete"

REPORTS = Counter("leadfactory_reports_total", "Attempts at reports ended, by outcome.", ["outcome"])
REPORT_SECONDS = Histogram(
    "leadfactory_report_seconds",
    "How long the steps of a report took.",
    ["step"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
CAPTURE_SECONDS = Histogram(
    "leadfactory_lineage_capture_seconds",
    "What capturing lineage added to a report.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5),
)
DELIVERIES = Counter(
    "leadfactory_lineage_deliveries_total", "Attempts to hand over lineage, by outcome.", ["outcome"]
)
WEBHOOKS = Counter("leadfactory_webhooks_total", "Attempts to send a message, by outcome.", ["outcome"])
OUTBOX_WAITING = Gauge(
    "leadfactory_lineage_outbox_waiting", "Captures not yet acknowledged, without the dead."
)
OUTBOX_DEAD = Gauge(
    "leadfactory_lineage_outbox_dead",
    "Captures that cannot be delivered as they are: to be redriven or discarded. Alarm above 0.",
)
OUTBOX_OLDEST_SECONDS = Gauge(
    "leadfactory_lineage_outbox_oldest_seconds",
    "Age of the oldest capture that waits, the dead aside. Alarm above 300.",
)
REPRODUCTIONS = Counter(
    "leadfactory_reproductions_total", "Reports made again to be compared, by outcome.", ["outcome"]
)
COVERAGE_GAPS = Gauge(
    "leadfactory_lineage_coverage_gaps",
    "Reports about which this service and lineage did not agree at the last count. Alarm above 0.",
)
ERASURES = Counter("leadfactory_erasures_total", "Erased leads whose reports were erased, too.")
ERASURES_WAITING = Gauge(
    "leadfactory_erasures_waiting", "Erased leads whose reports are not erased yet, without the held."
)
ERASURES_HELD = Gauge(
    "leadfactory_erasures_held", "Erased leads whose reports are kept because of a legal hold."
)
ERASURES_OLDEST_SECONDS = Gauge(
    "leadfactory_erasures_oldest_seconds",
    "Age of the oldest erasure that is not carried out, the held aside. Alarm above 86400.",
)
