import type { LineageAccess } from "@/api/types";
import { Copyable } from "@/components/Copyable";
import { Fold } from "@/components/Fold";
import { Badge } from "@/components/Status";
import { Table } from "@/components/Table";
import table from "@/components/Table.module.css";
import { Timestamp } from "@/components/Timestamp";
import { accessWords, outcomeWords } from "./access";
import styles from "./lineage.module.css";

/** Readings of a lineage, one a row. */
export function AccessTable({ accesses }: { accesses: LineageAccess[] }) {
  return (
    <Table columns={["What", "Who", "When", "From", "Ended", "By which means"]}>
      {accesses.map((access) => (
        <Row key={access.id} access={access} />
      ))}
    </Table>
  );
}

function Row({ access }: { access: LineageAccess }) {
  const [label, Icon] = accessWords(access.action);
  return (
    <tr className={access.action === "DENIED" ? styles.denied : undefined}>
      <td>
        <span className={styles.what}>
          <Icon aria-hidden size={15} />
          {label}
          {access.part > 0 && ` (part ${access.part})`}
        </span>
      </td>
      <td>
        {access.user_id} {access.workload && <Badge>{`through ${access.workload}`}</Badge>}
      </td>
      <td className={table.muted}>
        <Timestamp value={access.created_at} />
      </td>
      <td className={table.muted}>{access.ip_address}</td>
      <td className={table.muted}>{outcomeWords(access)}</td>
      <td>
        <Fold summary="Details">
          <dl className={styles.means}>
            <dt>User agent</dt>
            <dd>{access.user_agent || "–"}</dd>
            <dt>Call</dt>
            <dd>
              <code>{access.method}</code>
            </dd>
            <dt>Request</dt>
            <dd>
              <Copyable value={access.request_id} label="request ID" />
            </dd>
            {access.details !== "{}" && access.details && (
              <>
                <dt>Asked for</dt>
                <dd>
                  <code>{access.details}</code>
                </dd>
              </>
            )}
            <dt>Entry hash</dt>
            <dd>
              <Copyable value={access.entry_hash} label="entry hash" />
            </dd>
          </dl>
        </Fold>
      </td>
    </tr>
  );
}
