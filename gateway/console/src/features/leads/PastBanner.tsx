import { ArrowRight, History } from "lucide-react";
import { ButtonLink } from "@/components/Button";
import { formatDateTime } from "@/format";
import styles from "./past.module.css";

/** Says that what is shown is not what is, and leads back. */
export function PastBanner({ at, children }: { at: string; children: string }) {
  const moment = new Date(at);
  return (
    <section className={styles.banner} aria-label="In the past">
      <History aria-hidden size={20} />
      <div>
        <strong>
          As it was on{" "}
          <time dateTime={at} title={at}>
            {Number.isNaN(moment.getTime()) ? at : formatDateTime(moment)}
          </time>
        </strong>
        <p>{children}</p>
      </div>
      <ButtonLink variant="primary" icon={ArrowRight} to="?">
        Back to now
      </ButtonLink>
    </section>
  );
}
