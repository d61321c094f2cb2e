import { Link, useSearchParams } from "react-router";
import { PageHeader } from "@/components/PageHeader";
import { LeadName } from "@/features/leads/LeadName";
import { readFilter } from "@/features/reports/filter";
import { ReportFilters } from "@/features/reports/ReportFilters";
import { ReportTable } from "@/features/reports/ReportTable";

export function ReportsPage() {
  const [search] = useSearchParams();
  const filter = readFilter(search);
  return (
    <>
      <PageHeader title="Reports" />
      <ReportTable
        filter={filter}
        title={Object.keys(filter).length > 0 ? "Filtered reports" : "All reports"}
        aside={<ReportFilters />}
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
