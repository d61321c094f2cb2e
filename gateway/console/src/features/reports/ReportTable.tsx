import { useInfiniteQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Report } from "@/api/types";
import { ButtonFile } from "@/components/Button";
import { Card } from "@/components/Card";
import { LoadMore } from "@/components/LoadMore";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/Notice";
import table from "@/components/Table.module.css";
import { formatBytes, formatDateTime, formatLanguage } from "@/format";
import type { ReportFilter } from "./filter";
import { reportsQuery } from "./queries";
import { ReportActions } from "./ReportActions";
import { ReportState } from "./ReportState";
import styles from "./reports.module.css";

type Listing = {
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
export function ReportTable({ leadId, filter, title = "Reports", aside, subject, empty }: Listing) {
  const query = useInfiniteQuery(reportsQuery({ ...filter, ...(leadId ? { lead_id: leadId } : {}) }));
  // What all of a batch have in common stands above its list.
  const ofBatch = filter?.batch_id !== undefined && subject !== undefined;
  const reports = query.data?.pages.flatMap((page) => page.reports) ?? [];
  return (
    <Card title={title} aside={aside}>
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
      {query.data && reports.length === 0 && (
        <EmptyState title={filter?.status ? "No report is in this state" : "No reports yet"}>
          {empty}
        </EmptyState>
      )}
      {reports.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              {!ofBatch && <th scope="col">Report</th>}
              {subject && <th scope="col">Lead</th>}
              <th scope="col">Status</th>
              <th scope="col">Pages</th>
              <th scope="col">Size</th>
              {!ofBatch && (
                <>
                  <th scope="col">Template</th>
                  <th scope="col">Language</th>
                  <th scope="col">By</th>
                </>
              )}
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {reports.map((report) => (
              <ReportRow key={report.id} report={report} subject={subject} ofBatch={ofBatch} />
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

function ReportRow({
  report,
  subject,
  ofBatch,
}: {
  report: Report;
  subject: Listing["subject"];
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
