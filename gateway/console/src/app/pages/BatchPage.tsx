import { useParams, useSearchParams } from "react-router";
import { ErrorNotice } from "@/components/Notice";
import { PageHeader } from "@/components/PageHeader";
import { Status } from "@/components/Status";
import { Timestamp } from "@/components/Timestamp";
import { Unread } from "@/components/Unread";
import { BatchActions } from "@/features/batches/BatchActions";
import { BatchDetails, BatchProgress } from "@/features/batches/BatchProgress";
import { batchLook } from "@/features/batches/outcome";
import { useBatch } from "@/features/batches/queries";
import { LeadName } from "@/features/leads/LeadName";
import { readFilter } from "@/features/reports/filter";
import { ReportFilters } from "@/features/reports/ReportFilters";
import { ReportTable } from "@/features/reports/ReportTable";
import { formatCount } from "@/format";
import styles from "../Shell.module.css";

export function BatchPage() {
  const { id = "" } = useParams();
  const [search] = useSearchParams();
  const { data: batch, error, refetch } = useBatch(id);
  const back = { to: "/batches", text: "Batches" };
  if (!batch) {
    return <Unread what="batch" back={back} error={error} retry={refetch} />;
  }
  const { status } = readFilter(search);
  return (
    <>
      <PageHeader
        title={`Batch of ${formatCount(batch.size)} ${batch.size === 1 ? "report" : "reports"}`}
        back={back}
        actions={<BatchActions batch={batch} />}
      >
        <Status {...batchLook(batch)} />
        <Timestamp value={batch.created_at} />
      </PageHeader>
      {error && <ErrorNotice title="The batch is no longer live" error={error} retry={refetch} />}
      <div className={styles.columns}>
        <BatchProgress batch={batch} />
        <BatchDetails batch={batch} />
      </div>
      <ReportTable
        filter={{ batch_id: id, ...(status ? { status } : {}) }}
        aside={<ReportFilters />}
        subject={(report) => <LeadName id={report.lead_id} />}
        empty="Choose another status to see the rest of this batch."
      />
    </>
  );
}
