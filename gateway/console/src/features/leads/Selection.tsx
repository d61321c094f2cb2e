import type { ReactNode } from "react";
import type { Lead } from "@/api/types";
import { formatCount } from "@/format";
import styles from "./leads.module.css";

/** A selection with one lead more, or one less. */
export function withMark(marked: ReadonlySet<string>, id: string, on: boolean): ReadonlySet<string> {
  const changed = new Set(marked);
  if (on) changed.add(id);
  else changed.delete(id);
  return changed;
}

/** Which leads of the list are selected, and what can be done with them. */
export function Selection({
  leads,
  marked,
  mark,
  action,
}: {
  leads: Lead[];
  marked: ReadonlySet<string>;
  mark: (marked: ReadonlySet<string>) => void;
  action: ReactNode;
}) {
  const count = leads.filter(({ id }) => marked.has(id)).length;
  const all = count === leads.length;
  return (
    <div className={styles.selection}>
      <label>
        <input
          type="checkbox"
          ref={(box) => {
            if (box) box.indeterminate = count > 0 && !all;
          }}
          checked={all}
          onChange={() => mark(all ? new Set() : new Set(leads.map(({ id }) => id)))}
        />
        {count > 0 ? `${formatCount(count)} selected` : "Select all shown"}
      </label>
      {action}
    </div>
  );
}
