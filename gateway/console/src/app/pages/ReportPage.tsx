import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "react-router";
import { ErrorNotice } from "@/components/Notice";
import { PageHeader } from "@/components/PageHeader";
import { Timestamp } from "@/components/Timestamp";
import { Unread } from "@/components/Unread";
import { leadQuery } from "@/features/leads/queries";
import { Accesses } from "@/features/lineage/Accesses";
import { LineagePanel } from "@/features/lineage/LineagePanel";
import { PipelineLog } from "@/features/lineage/PipelineLog";
import { reportQuery } from "@/features/reports/queries";
import { ReportActions } from "@/features/reports/ReportActions";
import { ReportDetails } from "@/features/reports/ReportDetails";
import { ReportDocument } from "@/features/reports/ReportDocument";
import { ReportState } from "@/features/reports/ReportState";
import { Reproduction } from "@/features/reproduction/Reproduction";
import styles from "../Shell.module.css";

export function ReportPage() {
  const { id = "" } = useParams();
  const navigate = useNavigate();
  const { data: report, error, refetch } = useQuery(reportQuery(id));
  const { data: lead } = useQuery({ ...leadQuery(report?.lead_id ?? ""), enabled: report !== undefined });
  if (!report) {
    return <Unread what="report" back={{ to: "/reports", text: "Reports" }} error={error} retry={refetch} />;
  }
  return (
    <>
      <PageHeader
        title={lead ? `Report on ${lead.domain}` : "Report"}
        back={{ to: `/leads/${report.lead_id}`, text: lead?.email ?? "Lead" }}
        actions={<ReportActions report={report} onRetried={(again) => navigate(`/reports/${again.id}`)} />}
      >
        <ReportState report={report} />
        <Timestamp value={report.created_at} />
      </PageHeader>
      {error && <ErrorNotice title="The report is no longer live" error={error} retry={refetch} />}
      <div className={styles.document}>
        <ReportDocument report={report} />
        <div className={styles.column}>
          <LineagePanel report={report} />
          <ReportDetails report={report} />
        </div>
      </div>
      <Reproduction key={report.id} report={report} />
      <PipelineLog report={report} />
      <Accesses report={report} />
    </>
  );
}
