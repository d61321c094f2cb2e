import { Link } from "react-router";
import type { Report } from "@/api/types";
import { Card, Details } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { Timestamp } from "@/components/Timestamp";
import { formatBytes, formatLanguage } from "@/format";

/** What the report is, in figures. */
export function ReportDetails({ report }: { report: Report }) {
  return (
    <Card title="Report">
      <Details
        items={[
          [
            "Lead",
            <Link key="lead" to={`/leads/${report.lead_id}`}>
              Open the lead
            </Link>,
          ],
          ["Report ID", <Copyable key="id" value={report.id} label="report ID" />],
          [
            "Attempt after",
            report.retry_of ? (
              <Link key="before" to={`/reports/${report.retry_of}`}>
                The one that did not succeed
              </Link>
            ) : undefined,
          ],
          [
            "Batch",
            report.batch_id ? (
              <Link key="batch" to={`/batches/${report.batch_id}`}>
                Open the batch
              </Link>
            ) : undefined,
          ],
          [
            "Template",
            report.template_version_id ? (
              <Link key="template" to={`/templates/${report.template_version_id}?report_id=${report.id}`}>
                {report.template_version_id}
              </Link>
            ) : undefined,
          ],
          ["Pages", report.page_count || undefined],
          ["Size", report.pdf_size_bytes ? formatBytes(report.pdf_size_bytes) : undefined],
          [
            "PDF SHA-256",
            report.pdf_sha256 ? (
              <Copyable key="pdf" value={report.pdf_sha256} label="PDF SHA-256" />
            ) : undefined,
          ],
          ["Language", report.locale ? formatLanguage(report.locale) : undefined],
          ["Asked for by", report.created_by],
          ["Asked for", <Timestamp key="asked" value={report.created_at} />],
          ["Ended", report.completed_at && <Timestamp key="ended" value={report.completed_at} />],
        ]}
      />
    </Card>
  );
}
