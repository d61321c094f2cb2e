import { ChevronLeft } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import { Link } from "react-router";
import styles from "./PageHeader.module.css";

/** The top of a screen: where it belongs, what it is, what can be done. Also names the browser's tab. */
export function PageHeader({
  title,
  back,
  children,
  actions,
}: {
  title: string;
  back?: { to: string; text: string };
  children?: ReactNode;
  actions?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · LeadFactory`;
  }, [title]);
  return (
    <header className={styles.header}>
      <div className={styles.title}>
        {back && (
          <Link to={back.to} className={styles.back}>
            <ChevronLeft aria-hidden size={14} />
            {back.text}
          </Link>
        )}
        <h1>{title}</h1>
        {children && <div className={styles.meta}>{children}</div>}
      </div>
      {actions && <div className={styles.actions}>{actions}</div>}
    </header>
  );
}
