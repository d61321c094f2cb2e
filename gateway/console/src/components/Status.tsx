import type { LucideIcon } from "lucide-react";
import styles from "./Status.module.css";

export type Tone = "idle" | "busy" | "good" | "warn" | "bad";
export type StatusLook = { tone: Tone; icon: LucideIcon; label: string };

/** A state as icon, word and colour, so that it reads without colour too. */
export function Status({ tone, icon: Icon, label }: StatusLook) {
  return (
    <span className={`${styles.status} ${styles[tone]}`}>
      <Icon
        aria-hidden
        size={14}
        strokeWidth={2.25}
        className={tone === "busy" ? styles.turning : undefined}
      />
      {label}
    </span>
  );
}

/** A small word about what a thing is, such as "Manual". */
export function Badge({ children }: { children: string }) {
  return <span className={styles.badge}>{children}</span>;
}
