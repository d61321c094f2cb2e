import { EqualNot } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Lead } from "@/api/types";
import { Card } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { Status } from "@/components/Status";
import text from "@/components/Text.module.css";
import { Value } from "@/components/Value";
import { LeadName } from "./LeadName";
import { differing, FIELDS, type Field, LABELS } from "./past";
import styles from "./past.module.css";
import { enrichmentLook } from "./status";

/** A lead as it was, with what is different now marked. */
export function PastLead({ then, now }: { then: Lead; now: Lead | undefined }) {
  const changed = now ? differing(then, now) : [];
  return (
    <Card title="The lead then" aside={<Changed count={changed.length} known={now !== undefined} />}>
      <dl className={styles.fields}>
        {FIELDS.map((field) => (
          <div key={field} className={changed.includes(field) ? styles.changed : undefined}>
            <dt>{LABELS[field]}</dt>
            <dd>{shown(then, field)}</dd>
            {now && changed.includes(field) && (
              <dd className={styles.now}>
                <EqualNot aria-hidden size={14} />
                <span>now</span> <strong>{shown(now, field)}</strong>
              </dd>
            )}
          </div>
        ))}
      </dl>
      <p className={text.note}>
        Facts are not shown: a look-up replaces them, and each bears the time at which it was observed.
      </p>
    </Card>
  );
}

function Changed({ count, known }: { count: number; known: boolean }) {
  if (!known) return null;
  return (
    <span className={text.hint}>
      {count === 0 && "Nothing is different now"}
      {count === 1 && "1 field is different now"}
      {count > 1 && `${count} fields are different now`}
    </span>
  );
}

function shown(lead: Lead, field: Field): ReactNode {
  const value = lead[field];
  switch (field) {
    case "enrichment_status":
      return <Status {...enrichmentLook(lead)} />;
    case "merged_into":
      if (!value) break;
      return (
        <Link to={`/leads/${value}`}>
          <LeadName id={String(value)} />
        </Link>
      );
    case "etag":
    case "enrichment_task_id":
    case "import_id":
      if (value) return <Copyable value={String(value)} label={LABELS[field]} />;
  }
  return <Value value={value || (typeof value === "boolean" ? value : undefined)} />;
}
