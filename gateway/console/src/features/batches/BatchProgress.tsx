import { useEffect, useRef } from "react";
import type { ReportBatch } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Card, Details } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { Timestamp } from "@/components/Timestamp";
import { formatLanguage } from "@/format";
import { BatchBar, BatchCounts } from "./BatchBar";
import styles from "./batches.module.css";
import { hasEnded, inWords } from "./outcome";

/** How far a batch has come. Says aloud when it has ended. */
export function BatchProgress({ batch }: { batch: ReportBatch }) {
  const announce = useAnnounce();
  const ended = hasEnded(batch);
  const before = useRef(ended);
  const words = inWords(batch);
  useEffect(() => {
    if (ended && !before.current) announce(`The batch has ended: ${words}.`);
    before.current = ended;
  }, [ended, words, announce]);
  return (
    <Card title="Progress" aside={<span className={styles.share}>{batch.progress} %</span>}>
      <div className={styles.progress}>
        <BatchBar batch={batch} />
        <BatchCounts batch={batch} />
      </div>
    </Card>
  );
}

/** What was asked for. */
export function BatchDetails({ batch }: { batch: ReportBatch }) {
  return (
    <Card title="Batch">
      <Details
        items={[
          ["Batch ID", <Copyable key="id" value={batch.id} label="batch ID" />],
          ["Template", batch.template_version_id],
          ["Language", formatLanguage(batch.locale)],
          ["Pipeline run", <Copyable key="run" value={batch.pipeline_run_id} label="pipeline run ID" />],
          ["Asked for by", batch.created_by],
          ["Asked for", <Timestamp key="asked" value={batch.created_at} />],
        ]}
      />
    </Card>
  );
}
