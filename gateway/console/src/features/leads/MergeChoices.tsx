import { ArrowLeft, Equal } from "lucide-react";
import { useId } from "react";
import type { Lead } from "@/api/types";
import { Status } from "@/components/Status";
import { type Choices, FIELDS, type Field, LABELS, type Side, shownAs } from "./merge";
import styles from "./merge.module.css";
import { enrichmentLook } from "./status";

/** Two leads side by side; what is lit is what the one that stays will say. */
export function MergeChoices({
  lead,
  other,
  choices,
  change,
}: {
  lead: Lead;
  other: Lead;
  choices: Choices;
  change: (choices: Choices) => void;
}) {
  return (
    <div className={styles.choices}>
      <div className={styles.heads}>
        <strong>Stays</strong>
        <ArrowLeft aria-hidden size={16} />
        <strong>Goes</strong>
      </div>
      {FIELDS.map((field) =>
        shownAs(lead, field) === shownAs(other, field) ? (
          <div key={field} className={styles.row}>
            <span className={styles.name}>{LABELS[field]}</span>
            <span className={`${styles.cell} ${styles.both}`}>
              <Equal aria-label="the same in both" size={14} />
              {shownAs(lead, field)}
            </span>
          </div>
        ) : (
          <Row
            key={field}
            field={field}
            sides={{ MINE: lead, THEIRS: other }}
            chosen={choices[field]}
            choose={(side) => change({ ...choices, [field]: side })}
          />
        ),
      )}
    </div>
  );
}

function Row({
  field,
  sides,
  chosen,
  choose,
}: {
  field: Field;
  sides: Record<Side, Lead>;
  chosen: Side;
  choose: (side: Side) => void;
}) {
  const name = useId();
  return (
    <div className={styles.row} role="radiogroup" aria-labelledby={name}>
      <span id={name} className={styles.name}>
        {LABELS[field]}
      </span>
      {(["MINE", "THEIRS"] as const).map((side) => (
        <label key={side} className={`${styles.cell} ${side === chosen ? styles.chosen : ""}`}>
          <input type="radio" name={name} checked={side === chosen} onChange={() => choose(side)} />
          <span>{shownAs(sides[side], field)}</span>
          {/* What is known of a domain goes with it. */}
          {field === "domain" && <Status {...enrichmentLook(sides[side])} />}
        </label>
      ))}
    </div>
  );
}
