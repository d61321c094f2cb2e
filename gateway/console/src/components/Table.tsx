import type { ReactNode } from "react";
import styles from "./Table.module.css";

/** Rows under headings; the last column of one with `actions` is what can be done about each. */
export function Table({
  columns,
  actions = false,
  children,
}: {
  columns: (string | false | undefined)[];
  actions?: boolean;
  children: ReactNode;
}) {
  return (
    <table className={styles.table}>
      <thead>
        <tr>
          {columns.map(
            (column) =>
              column && (
                <th key={column} scope="col">
                  {column}
                </th>
              ),
          )}
          {actions && (
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}
