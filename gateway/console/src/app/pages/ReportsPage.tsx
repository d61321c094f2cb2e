import { Link } from "react-router";
import { PageHeader } from "@/components/PageHeader";
import { LeadName } from "@/features/leads/LeadName";
import { ReportTable } from "@/features/reports/ReportTable";

export function ReportsPage() {
  return (
    <>
      <PageHeader title="Reports" />
      <ReportTable
        subject={(report) => <LeadName id={report.lead_id} />}
        empty={
          <>
            A report is made on a lead: <Link to="/leads">choose one</Link> and press “Generate report”.
          </>
        }
      />
    </>
  );
}
