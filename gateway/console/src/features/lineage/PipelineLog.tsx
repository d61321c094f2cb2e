import { useQuery } from "@tanstack/react-query";
import { ScrollText } from "lucide-react";
import { useState } from "react";
import type { Report } from "@/api/types";
import { Button } from "@/components/Button";
import { Card } from "@/components/Card";
import { formatBytes } from "@/format";
import { LogViewer } from "./LogViewer";
import styles from "./lineage.module.css";
import { lineageQuery } from "./queries";

/** The pipeline's log. It is read when asked for, not before: every reading is audited. */
export function PipelineLog({ report }: { report: Report }) {
  const [shown, setShown] = useState(false);
  const { data } = useQuery({ ...lineageQuery(report.id), enabled: report.lineage_status === "RECORDED" });
  if (!data) return null;
  return (
    <Card
      title="Pipeline log"
      id="log"
      aside={<span className={styles.hint}>{formatBytes(data.logs_size_bytes)}</span>}
    >
      {shown ? (
        <LogViewer lineageId={data.lineage_id} />
      ) : (
        <div className={styles.closed}>
          <Button icon={ScrollText} onClick={() => setShown(true)}>
            Open the log
          </Button>
          <span className={styles.hint}>Every reading is kept in the access audit.</span>
        </div>
      )}
    </Card>
  );
}
