import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { useHasRole } from "@/api/session";
import type { DeadLetter } from "@/api/types";
import { Card } from "@/components/Card";
import { Listing } from "@/components/Listing";
import { EmptyState } from "@/components/Notice";
import { Table } from "@/components/Table";
import table from "@/components/Table.module.css";
import { Timestamp } from "@/components/Timestamp";
import { formatCount, formatDateTime } from "@/format";
import { DiscardLetter } from "./DiscardLetter";
import styles from "./operations.module.css";
import { deadLettersQuery } from "./queries";
import { RedriveLetters } from "./RedriveLetters";

/** Captured lineage that cannot be delivered as it is: why, since when, and what can be done about it. */
export function DeadLetters() {
  const query = useInfiniteQuery(deadLettersQuery);
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
  const mayDecide = useHasRole("admin");
  const letters = query.data?.pages.flatMap((page) => page.dead_letters) ?? [];
  const chosen = letters.filter(({ report_id }) => marked.has(report_id)).map(({ report_id }) => report_id);
  const mark = (id: string) => {
    const changed = new Set(marked);
    if (!changed.delete(id)) changed.add(id);
    setMarked(changed);
  };
  return (
    <Card
      title="Dead letters"
      aside={mayDecide && letters.length > 0 && <RedriveLetters reportIds={chosen} />}
    >
      <Listing
        query={query}
        what="dead letters"
        count={letters.length}
        lines={3}
        empty={
          <EmptyState title="None">
            Every captured lineage was delivered, or is on its way. What the lineage service refuses for good
            shows here.
          </EmptyState>
        }
      >
        <Table columns={["Report", "Reason", "Dead since", "Sent", "Template", "By"]} actions={mayDecide}>
          {letters.map((letter) => (
            <LetterRow
              key={letter.report_id}
              letter={letter}
              marked={marked.has(letter.report_id)}
              mark={mayDecide ? () => mark(letter.report_id) : undefined}
            />
          ))}
        </Table>
      </Listing>
    </Card>
  );
}

function LetterRow({
  letter,
  marked,
  mark,
}: {
  letter: DeadLetter;
  marked: boolean;
  mark: (() => void) | undefined;
}) {
  const made = letter.created_at ? formatDateTime(new Date(letter.created_at)) : letter.report_id;
  return (
    <tr>
      <td>
        <span className={styles.letter}>
          {mark && (
            <input
              type="checkbox"
              aria-label={`Select the report of ${made}`}
              checked={marked}
              onChange={mark}
            />
          )}
          <Link to={`/reports/${letter.report_id}`} className={table.whole}>
            {made}
          </Link>
        </span>
      </td>
      <td className={styles.reason}>{letter.reason}</td>
      <td className={table.muted}>
        <Timestamp value={letter.dead_at} />
      </td>
      <td className={table.muted}>
        {formatCount(letter.attempts)} {letter.attempts === 1 ? "time" : "times"}
      </td>
      <td className={table.muted}>{letter.template_version_id}</td>
      <td className={table.muted}>{letter.created_by}</td>
      {mark && (
        <td>
          <DiscardLetter letter={letter} made={made} />
        </td>
      )}
    </tr>
  );
}
