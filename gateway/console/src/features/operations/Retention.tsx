import { useQuery } from "@tanstack/react-query";
import { Lock } from "lucide-react";
import type { ReactNode } from "react";
import type { RetentionClass, RetentionPreview } from "@/api/types";
import { Card } from "@/components/Card";
import { ErrorNotice, Skeleton } from "@/components/Notice";
import { Badge } from "@/components/Status";
import { Table } from "@/components/Table";
import table from "@/components/Table.module.css";
import text from "@/components/Text.module.css";
import { Timestamp } from "@/components/Timestamp";
import { formatBytes, formatCount } from "@/format";
import styles from "./operations.module.css";
import { retentionQuery } from "./queries";

const CONTENTS: Partial<Record<RetentionClass["content"], string>> = {
  RAW_INPUTS: "Raw inputs",
  LOGS: "Pipeline logs",
  AUDIT_DETAILS: "What was asked for, in the access audit",
};

/** How long what is kept, what is due to be removed, and whose is held. */
export function Retention({ nameLead }: { nameLead: (id: string) => ReactNode }) {
  const { data, error, isPending, refetch } = useQuery(retentionQuery);
  return (
    <Card title="Retention" aside={data?.dry_run && <Badge>only counted, nothing is removed</Badge>}>
      {isPending && <Skeleton lines={3} label="Loading retention" />}
      {error && <ErrorNotice title="Retention could not be read" error={error} retry={refetch} />}
      {data && (
        <>
          <Classes preview={data} />
          <Holds preview={data} nameLead={nameLead} />
        </>
      )}
    </Card>
  );
}

function Classes({ preview }: { preview: RetentionPreview }) {
  return (
    <Table columns={["Content", "Kept", "Due now", "Held back"]}>
      {preview.classes.map((each) => (
        <tr key={each.content}>
          <td>{CONTENTS[each.content] ?? each.content}</td>
          <td>{each.days === 0 ? "for ever" : `for ${formatCount(each.days)} days`}</td>
          <td className={table.muted}>
            {each.due === 0
              ? "nothing is due"
              : `${formatCount(each.due)} due, ${formatBytes(each.due_bytes)}`}
          </td>
          <td className={table.muted}>{each.held > 0 && `${formatCount(each.held)} held`}</td>
        </tr>
      ))}
    </Table>
  );
}

function Holds({ preview, nameLead }: { preview: RetentionPreview; nameLead: (id: string) => ReactNode }) {
  if (preview.holds.length === 0) {
    return <p className={text.note}>No lead is held. Headers, digests and the audit itself always stay.</p>;
  }
  return (
    <ul className={styles.holds} aria-label="Legal holds">
      {preview.holds.map((hold) => (
        <li key={hold.lead_id}>
          <Lock aria-hidden size={14} />
          <span>
            {nameLead(hold.lead_id)} is held by {hold.held_by}
            {hold.reason && `: ${hold.reason}`}
          </span>
          <Timestamp value={hold.held_at} />
        </li>
      ))}
    </ul>
  );
}
