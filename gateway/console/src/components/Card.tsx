import { type ReactNode, useId } from "react";
import styles from "./Card.module.css";

/** A titled region of a screen. */
export function Card({
  title,
  aside,
  children,
  id,
}: {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
  id?: string;
}) {
  const heading = useId();
  return (
    <section className={styles.card} aria-labelledby={heading} id={id}>
      <header className={styles.header}>
        <h2 id={heading}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

/** Names and values, one pair a line. A value that is undefined is left out. */
export function Details({ items }: { items: [name: string, value: ReactNode][] }) {
  return (
    <dl className={styles.details}>
      {items.map(
        ([name, value]) =>
          value !== undefined && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
