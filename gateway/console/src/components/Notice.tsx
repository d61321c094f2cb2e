import { CircleAlert, RotateCw } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "@/api/errors";
import { formatTime } from "@/format";
import { Button } from "./Button";
import styles from "./Notice.module.css";

/** What went wrong, in the server's words, and the way to try again. */
export function ErrorNotice({ error, retry, title }: { error: Error; retry?: () => unknown; title: string }) {
  return (
    <div role="alert" className={`${styles.notice} ${styles.error}`}>
      <CircleAlert aria-hidden size={18} />
      <div>
        <strong>{title}</strong>
        <p>{error.message}</p>
        {error instanceof ApiError && error.retryAt && (
          <p>There should be room again at {formatTime(error.retryAt)}.</p>
        )}
      </div>
      {retry && (
        <Button icon={RotateCw} onClick={() => void retry()}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** There is nothing here yet, and what to do about it. */
export function EmptyState({
  title,
  children,
  action,
}: {
  title: string;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={styles.empty}>
      <strong>{title}</strong>
      <p>{children}</p>
      {action}
    </div>
  );
}

/** The shape of what is being loaded. */
export function Skeleton({ lines, label }: { lines: number; label: string }) {
  return (
    <div className={styles.skeleton} role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike and never move
        <span key={line} />
      ))}
    </div>
  );
}
