import type { ReportBatch } from "@/api/types";
import { Counts } from "@/components/Counts";
import styles from "./batches.module.css";
import { inWords, PARTS } from "./outcome";

/** A batch as a bar, each state a stretch with a pattern of its own. */
export function BatchBar({ batch }: { batch: ReportBatch }) {
  return (
    <span className={styles.bar} role="img" aria-label={inWords(batch)} title={inWords(batch)}>
      {PARTS.map(
        ({ key }) =>
          batch[key] > 0 && <span key={key} className={styles[key]} style={{ flexGrow: batch[key] }} />,
      )}
    </span>
  );
}

/** What the stretches of the bar mean, in figures. */
export function BatchCounts({ batch }: { batch: ReportBatch }) {
  return (
    <Counts
      items={PARTS.map(({ key, label }) => [
        <>
          <span className={`${styles.swatch} ${styles[key]}`} />
          {label}
        </>,
        batch[key],
      ])}
    />
  );
}
