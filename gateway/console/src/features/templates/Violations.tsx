import { ApiError } from "@/api/errors";
import { ErrorNotice } from "@/components/Notice";
import styles from "./templates.module.css";

/** Why a bundle is refused, file by file. */
export function Violations({ title, error }: { title: string; error: Error }) {
  const violations = error instanceof ApiError ? error.violations : [];
  if (violations.length === 0) return <ErrorNotice title={title} error={error} />;
  return (
    <div role="alert" className={styles.violations}>
      <strong>{title}</strong>
      <ul>
        {violations.map(({ field, description }) => (
          <li key={`${field} ${description}`}>
            <code>{field}</code> {description}
          </li>
        ))}
      </ul>
    </div>
  );
}
