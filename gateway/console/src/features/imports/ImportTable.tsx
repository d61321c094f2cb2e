import { useInfiniteQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX, LoaderCircle, type LucideIcon, Undo2 } from "lucide-react";
import { Link } from "react-router";
import type { LeadImport } from "@/api/types";
import { Card } from "@/components/Card";
import { Listing } from "@/components/Listing";
import { EmptyState } from "@/components/Notice";
import { Badge, Status, type Tone } from "@/components/Status";
import { Table } from "@/components/Table";
import table from "@/components/Table.module.css";
import text from "@/components/Text.module.css";
import { Timestamp } from "@/components/Timestamp";
import { formatCount } from "@/format";
import styles from "./imports.module.css";
import { ErrorsLink } from "./Outcome";
import { importsQuery } from "./queries";
import { UndoButton, useUndo } from "./UndoButton";

const LOOKS: Partial<Record<LeadImport["state"], [Tone, LucideIcon, string]>> = {
  RUNNING: ["busy", LoaderCircle, "Being read"],
  COMPLETED: ["good", CircleCheck, "Completed"],
  FAILED: ["bad", CircleX, "Broke off"],
  UNDOING: ["busy", LoaderCircle, "Being undone"],
  UNDONE: ["idle", Undo2, "Undone"],
};

/** Every import that the reader may see, newest first, while it goes on and after. */
export function ImportTable() {
  const query = useInfiniteQuery(importsQuery);
  const imports = query.data?.pages.flatMap((page) => page.imports) ?? [];
  return (
    <Card title="Imports">
      <Listing
        query={query}
        what="imports"
        count={imports.length}
        lines={4}
        empty={
          <EmptyState title="No imports yet">
            Press “Import” above the list of leads to bring in a CSV file.
          </EmptyState>
        }
      >
        <Table columns={["File", "State", "Created", "Updated", "Begun", "By"]} actions>
          {imports.map((each) => (
            <ImportRow key={each.id} done={each} />
          ))}
        </Table>
      </Listing>
    </Card>
  );
}

function ImportRow({ done }: { done: LeadImport }) {
  const undo = useUndo(done.id);
  const [tone, icon, label] = LOOKS[done.state] ?? ["idle", CircleX, "Unknown"];
  return (
    <tr>
      <td>
        <span className={styles.name}>
          {done.created > 0 && !done.dry_run ? (
            <Link to={`/leads?import_id=${done.id}`}>{done.filename || "Unnamed file"}</Link>
          ) : (
            done.filename || "Unnamed file"
          )}
          {done.dry_run && <Badge>trial run</Badge>}
        </span>
        {(done.error || undo.error) && <p className={styles.error}>{undo.error?.message ?? done.error}</p>}
        {done.conflicts > 0 && (
          <p className={text.hint}>{formatCount(done.conflicts)} leads were changed since and stayed.</p>
        )}
      </td>
      <td>
        <Status tone={tone} icon={icon} label={label} />
      </td>
      <td>{formatCount(done.created)}</td>
      <td>{formatCount(done.updated)}</td>
      <td className={table.muted}>
        <Timestamp value={done.created_at} />
      </td>
      <td className={table.muted}>{done.created_by}</td>
      <td>
        <span className={styles.links}>
          <ErrorsLink done={done} />
          <UndoButton done={done} undo={undo} />
        </span>
      </td>
    </tr>
  );
}
