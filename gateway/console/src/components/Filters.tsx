import type { ReactNode } from "react";
import styles from "./Filters.module.css";

/** What narrows a list, beside each other; in a card's body a line above the list. */
export function Filters({
  label,
  className = "",
  children,
}: {
  label: string;
  className?: string | undefined;
  children: ReactNode;
}) {
  return (
    <search className={`${styles.filters} ${className}`} aria-label={label}>
      {children}
    </search>
  );
}
