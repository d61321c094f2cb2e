import styles from "./Progress.module.css";

/** How far a piece of work is, in per cent if that is known, with the words for what is being done now. */
export function Progress({ value, step, label }: { value?: number; step: string; label: string }) {
  return (
    <span className={styles.progress}>
      <progress className={styles.bar} max={100} value={value} aria-label={label} />
      <span className={styles.step}>
        {[step, value !== undefined && `${value} %`].filter(Boolean).join(" · ")}
      </span>
    </span>
  );
}
