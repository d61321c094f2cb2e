import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import styles from "./Fold.module.css";

/** What is there on demand, beneath a line that says what it is. */
export function Fold({ summary, children }: { summary: ReactNode; children: ReactNode }) {
  return (
    <details className={styles.fold}>
      <summary>
        <ChevronRight aria-hidden size={14} />
        {summary}
      </summary>
      {children}
    </details>
  );
}
