import { Eraser } from "lucide-react";
import type { ReactNode } from "react";
import styles from "./Difference.module.css";

/** One place at which something is another than it was: its name, then − what it was, + what it is. */
export function Difference({
  name,
  before,
  after,
}: {
  name: ReactNode;
  /** Left out where there was nothing. */
  before?: ReactNode;
  /** Left out where there is nothing any more. */
  after?: ReactNode;
}) {
  return (
    <div className={styles.row}>
      <dt className={styles.name}>{name}</dt>
      {before !== undefined && (
        <dd className={`${styles.value} ${styles.before}`}>
          <span aria-hidden="true">−</span>
          <del>{before}</del>
        </dd>
      )}
      {after !== undefined && (
        <dd className={`${styles.value} ${styles.after}`}>
          <span aria-hidden="true">+</span>
          <ins>{after}</ins>
        </dd>
      )}
    </div>
  );
}

/** Differences, one beneath the other. */
export function Differences({ children }: { children: ReactNode }) {
  return <dl className={styles.differences}>{children}</dl>;
}

/** Stands where a value was that was removed for good. */
export function Erased() {
  return (
    <span className={styles.erased}>
      <Eraser aria-hidden size={13} />
      erased
    </span>
  );
}
