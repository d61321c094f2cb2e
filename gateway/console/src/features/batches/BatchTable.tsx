import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import type { ReportBatch } from "@/api/types";
import { Card } from "@/components/Card";
import { Listing } from "@/components/Listing";
import { EmptyState } from "@/components/Notice";
import { Status } from "@/components/Status";
import { Table } from "@/components/Table";
import table from "@/components/Table.module.css";
import { formatCount, formatDateTime, formatLanguage } from "@/format";
import { BatchBar } from "./BatchBar";
import styles from "./batches.module.css";
import { batchLook } from "./outcome";
import { batchesQuery } from "./queries";

/** Every batch, newest first, with how far each has come. */
export function BatchTable() {
  const query = useInfiniteQuery(batchesQuery);
  const batches = query.data?.pages.flatMap((page) => page.report_batches) ?? [];
  return (
    <Card title="All batches">
      <Listing
        query={query}
        what="batches"
        count={batches.length}
        lines={4}
        empty={
          <EmptyState title="No batches yet">
            A batch is a report on each of many leads: <Link to="/leads">select leads</Link>, or filter them,
            and press “Report on …” above the list.
          </EmptyState>
        }
      >
        <Table columns={["Batch", "State", "Outcome", "Template", "Language", "By"]}>
          {batches.map((batch) => (
            <BatchRow key={batch.id} batch={batch} />
          ))}
        </Table>
      </Listing>
    </Card>
  );
}

function BatchRow({ batch }: { batch: ReportBatch }) {
  return (
    <tr>
      <td className={table.whole}>
        <Link to={`/batches/${batch.id}`} className={table.link}>
          {batch.created_at ? formatDateTime(new Date(batch.created_at)) : batch.id}
        </Link>
      </td>
      <td>
        <Status {...batchLook(batch)} />
      </td>
      <td>
        <span className={styles.outcome}>
          <BatchBar batch={batch} />
          <span className={table.muted}>
            {formatCount(batch.completed)} of {formatCount(batch.size)}
          </span>
        </span>
      </td>
      <td className={table.muted}>{batch.template_version_id}</td>
      <td className={table.muted}>{formatLanguage(batch.locale)}</td>
      <td className={table.muted}>{batch.created_by}</td>
    </tr>
  );
}
