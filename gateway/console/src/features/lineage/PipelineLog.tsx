import { useQuery } from "@tanstack/react-query";
import type { Report } from "@/api/types";
import { OnDemand } from "@/components/OnDemand";
import { formatBytes } from "@/format";
import { LogViewer } from "./LogViewer";
import { lineageQuery } from "./queries";

/** The pipeline's log. */
export function PipelineLog({ report }: { report: Report }) {
  const { data } = useQuery({ ...lineageQuery(report.id), enabled: report.lineage_status === "RECORDED" });
  if (!data) return null;
  return (
    <OnDemand
      title="Pipeline log"
      what="the log"
      id="log"
      closed={`${formatBytes(data.logs_size_bytes)} of what was done, step by step. Every reading is kept in the access audit.`}
    >
      <LogViewer lineageId={data.lineage_id} />
    </OnDemand>
  );
}
