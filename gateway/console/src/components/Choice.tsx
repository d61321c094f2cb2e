import type { ReactNode } from "react";
import styles from "./Choice.module.css";

/** Something that can be done, what it means, and the way to do it. */
export function Choice({
  title,
  action,
  children,
}: {
  title: string;
  action?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className={styles.choice}>
      <h3>{title}</h3>
      <div className={styles.meaning}>{children}</div>
      {action}
    </div>
  );
}
