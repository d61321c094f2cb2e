import type { ReactNode } from "react";
import { formatCount } from "@/format";
import styles from "./Counts.module.css";

/** Figures beside each other, each above what it counts. */
export function Counts({ items, label }: { items: [what: ReactNode, count: number][]; label?: string }) {
  return (
    <dl className={styles.counts} aria-label={label}>
      {items.map(([what, count], at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: what is counted stays in its place
        <div key={at} className={count === 0 ? styles.none : undefined}>
          <dt>{what}</dt>
          <dd>{formatCount(count)}</dd>
        </div>
      ))}
    </dl>
  );
}
