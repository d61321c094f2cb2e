import type { ReactNode } from "react";
import type { StatusLook } from "./Status";
import styles from "./Verdict.module.css";

export type VerdictLook = StatusLook & { meaning: ReactNode };

/** What was found out, first of all: as a shape, in a word and a colour, and what it means. */
export function Verdict({
  tone,
  icon: Icon,
  label,
  meaning,
  heading: Heading = "h2",
}: VerdictLook & { heading?: "h2" | "h3" }) {
  return (
    <header className={`${styles.verdict} ${styles[tone]}`}>
      <Icon aria-hidden size={40} strokeWidth={1.75} />
      <div>
        <Heading>{label}</Heading>
        <p>{meaning}</p>
      </div>
    </header>
  );
}
