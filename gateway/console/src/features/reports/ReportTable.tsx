import { useInfiniteQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Report } from "@/api/types";
import { ButtonFile } from "@/components/Button";
import { Card } from "@/components/Card";
import { Listing } from "@/components/Listing";
import { EmptyState } from "@/components/Notice";
import { Table } from "@/components/Table";
import table from "@/components/Table.module.css";
import { formatBytes, formatDateTime, formatLanguage } from "@/format";
import type { ReportFilter } from "./filter";
import { reportsQuery } from "./queries";
import { ReportActions } from "./ReportActions";
import { ReportState } from "./ReportState";
import styles from "./reports.module.css";

type Wanted = {
  /** Only reports on this lead. */
  leadId?: string;
  /** Only these reports. */
  filter?: ReportFilter;
  title?: string;
  /** What stands beside the title, such as the way to narrow the list. */
  aside?: ReactNode;
  /** What a report is about, where the list does not say so already. */
  subject?: (report: Report) => ReactNode;
  empty: ReactNode;
};

/** Reports, newest first, with their progress as it goes, and what can be done about each. */
export function ReportTable({ leadId, filter, title = "Reports", aside, subject, empty }: Wanted) {
  const query = useInfiniteQuery(reportsQuery({ ...filter, ...(leadId ? { lead_id: leadId } : {}) }));
  // What all of a batch have in common stands above its list.
  const ofBatch = filter?.batch_id !== undefined && subject !== undefined;
  const reports = query.data?.pages.flatMap((page) => page.reports) ?? [];
  return (
    <Card title={title} aside={aside}>
      <Listing
        query={query}
        what="reports"
        count={reports.length}
        lines={leadId === undefined ? 6 : 2}
        empty={
          <EmptyState title={filter?.status ? "No report is in this state" : "No reports yet"}>
            {empty}
          </EmptyState>
        }
      >
        <Table
          columns={[
            !ofBatch && "Report",
            subject && "Lead",
            "Status",
            "Pages",
            "Size",
            ...(ofBatch ? [] : ["Template", "Language", "By"]),
          ]}
          actions
        >
          {reports.map((report) => (
            <ReportRow key={report.id} report={report} subject={subject} ofBatch={ofBatch} />
          ))}
        </Table>
      </Listing>
    </Card>
  );
}

function ReportRow({
  report,
  subject,
  ofBatch,
}: {
  report: Report;
  subject: Wanted["subject"];
  ofBatch: boolean;
}) {
  const asked = report.created_at ? formatDateTime(new Date(report.created_at)) : report.id;
  return (
    <tr>
      <td className={ofBatch ? table.wide : table.whole}>
        <Link to={`/reports/${report.id}`} className={table.link}>
          {(ofBatch && subject?.(report)) || asked}
        </Link>
      </td>
      {subject && !ofBatch && <td className={table.wide}>{subject(report)}</td>}
      <td>
        <ReportState report={report} />
      </td>
      <td className={table.muted}>{report.page_count > 0 && `${report.page_count} pages`}</td>
      <td className={table.muted}>{report.pdf_size_bytes > 0 && formatBytes(report.pdf_size_bytes)}</td>
      {!ofBatch && (
        <>
          <td className={table.muted}>{report.template_version_id}</td>
          <td className={table.muted}>{formatLanguage(report.locale)}</td>
          <td className={table.muted}>{report.created_by}</td>
        </>
      )}
      <td className={styles.act}>
        <ReportActions report={report} />
        {report.pdf_url && (
          <ButtonFile
            variant="quiet"
            icon={Download}
            href={report.pdf_url}
            download
            aria-label={`Download the PDF of ${asked}`}
          >
            PDF
          </ButtonFile>
        )}
      </td>
    </tr>
  );
}
