import styles from "./Wordmark.module.css";

/** The product's name: a saw-tooth roof under which a line of a report is being printed. */
export function Wordmark() {
  return (
    <span className={styles.wordmark}>
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="var(--accent)" />
        <path fill="var(--on-accent)" d="M6 25V12.2l6.7 4.2v-4.2l6.6 4.2v-4.2l6.7 4.2V25z" />
        <path fill="var(--accent)" d="M10 19.4h12v2H10z" />
      </svg>
      <span>
        <b>Lead</b>Factory
      </span>
    </span>
  );
}
