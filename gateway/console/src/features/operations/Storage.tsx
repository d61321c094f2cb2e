import { useQuery } from "@tanstack/react-query";
import { CircleCheck, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import type { StorageUsage } from "@/api/types";
import { Card } from "@/components/Card";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/Notice";
import { Status } from "@/components/Status";
import text from "@/components/Text.module.css";
import { formatBytes, formatMonth, formatWords } from "@/format";
import styles from "./operations.module.css";
import { storageQuery } from "./queries";
import { ShareTable } from "./ShareTable";
import { onDisk } from "./storage";

/** How much lineage takes up, against the threshold, and what takes it up. */
export function Storage({ nameLead }: { nameLead: (id: string) => ReactNode }) {
  const { data, error, isPending, refetch } = useQuery(storageQuery);
  return (
    <Card title="Storage of lineage" aside={data && <Alarm usage={data} />}>
      {isPending && <Skeleton lines={5} label="Loading the storage usage" />}
      {error && <ErrorNotice title="The storage usage could not be read" error={error} retry={refetch} />}
      {data && <Usage usage={data} nameLead={nameLead} />}
    </Card>
  );
}

function Alarm({ usage }: { usage: StorageUsage }) {
  if (usage.alarm_bytes === 0) return <span className={text.hint}>No threshold is set</span>;
  return usage.alarm ? (
    <Status tone="bad" icon={TriangleAlert} label="Above the threshold" />
  ) : (
    <Status tone="good" icon={CircleCheck} label="Below the threshold" />
  );
}

function Usage({ usage, nameLead }: { usage: StorageUsage; nameLead: (id: string) => ReactNode }) {
  const total = onDisk(usage);
  return (
    <div className={styles.storage}>
      <div className={styles.gauge}>
        <p>
          <strong>{formatBytes(total)}</strong> on disk
          {usage.alarm_bytes > 0 && ` of ${formatBytes(usage.alarm_bytes)} until the alarm is given`}
        </p>
        {usage.alarm_bytes > 0 && (
          <meter
            aria-label="Share of the threshold"
            min={0}
            max={usage.alarm_bytes}
            high={usage.alarm_bytes * 0.8}
            value={total}
          />
        )}
        {usage.alarm_bytes === 0 && (
          <p className={text.hint}>
            Set <code>LINEAGE_STORAGE_ALARM_BYTES</code> to be told before it grows too large.
          </p>
        )}
      </div>
      {usage.by_month.length === 0 ? (
        <EmptyState title="Nothing is recorded yet">Each report adds its inputs and its log.</EmptyState>
      ) : (
        <div className={styles.shares}>
          <ShareTable caption="By month of recording" shares={usage.by_month} name={formatMonth} />
          <ShareTable caption="By template" shares={usage.by_template} name={(id) => id} />
          <ShareTable
            caption="By lead, the largest first"
            shares={usage.by_lead}
            name={nameLead}
            shown={10}
          />
          <ShareTable caption="On disk" shares={usage.disk} name={formatWords} counted={false} />
        </div>
      )}
    </div>
  );
}
