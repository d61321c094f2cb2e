import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Report } from "@/api/types";
import { Card } from "@/components/Card";
import { LoadMore } from "@/components/LoadMore";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/Notice";
import table from "@/components/Table.module.css";
import { formatBytes, formatDateTime } from "@/format";
import { reportsQuery } from "./queries";
import { ReportState } from "./ReportState";
import styles from "./reports.module.css";

type Listing = {
  /** Only reports on this lead. */
  leadId?: string;
  /** What a report is about, where the list does not say so already. */
  subject?: (report: Report) => ReactNode;
  empty: ReactNode;
};

/** Reports, newest first, with their progress as it goes; all of them, or those on one lead. */
export function ReportTable({ leadId, subject, empty }: Listing) {
  const query = useInfiniteQuery(reportsQuery(leadId === undefined ? {} : { lead_id: leadId }));
  const reports = query.data?.pages.flatMap((page) => page.reports) ?? [];
  return (
    <Card title={leadId === undefined ? "All reports" : "Reports"}>
      {query.isPending && <Skeleton lines={leadId === undefined ? 6 : 2} label="Loading reports" />}
      {query.error && (
        <div className={styles.notice}>
          <ErrorNotice
            title={query.data ? "The list is no longer live" : "The reports could not be read"}
            error={query.error}
            retry={query.refetch}
          />
        </div>
      )}
      {query.data && reports.length === 0 && <EmptyState title="No reports yet">{empty}</EmptyState>}
      {reports.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Report</th>
              {subject && <th scope="col">Lead</th>}
              <th scope="col">Status</th>
              <th scope="col">Pages</th>
              <th scope="col">Size</th>
              <th scope="col">Template</th>
              <th scope="col">By</th>
            </tr>
          </thead>
          <tbody>
            {reports.map((report) => (
              <ReportRow key={report.id} report={report} subject={subject} />
            ))}
          </tbody>
        </table>
      )}
      {query.hasNextPage && (
        <LoadMore what="reports" busy={query.isFetchingNextPage} load={() => query.fetchNextPage()} />
      )}
    </Card>
  );
}

function ReportRow({ report, subject }: { report: Report; subject: Listing["subject"] }) {
  return (
    <tr>
      <td className={table.whole}>
        <Link to={`/reports/${report.id}`} className={table.link}>
          {report.created_at ? formatDateTime(new Date(report.created_at)) : report.id}
        </Link>
      </td>
      {subject && <td className={table.wide}>{subject(report)}</td>}
      <td>
        <ReportState report={report} />
      </td>
      <td className={table.muted}>{report.page_count > 0 && `${report.page_count} pages`}</td>
      <td className={table.muted}>{report.pdf_size_bytes > 0 && formatBytes(report.pdf_size_bytes)}</td>
      <td className={table.muted}>{report.template_version_id}</td>
      <td className={table.muted}>{report.created_by}</td>
    </tr>
  );
}
