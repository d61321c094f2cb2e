import { History } from "lucide-react";
import { Link } from "react-router";
import type { AuditEntry } from "@/api/types";
import { Details } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { Erased } from "@/components/Difference";
import { Fold } from "@/components/Fold";
import { Badge } from "@/components/Status";
import { Timestamp } from "@/components/Timestamp";
import { formatDateTime } from "@/format";
import styles from "./audit.module.css";
import { Changes } from "./Changes";
import { callWords, fieldWords, isErased } from "./entry";
import { actionLook } from "./look";

type Item = { entry: AuditEntry; mayGoBack: boolean; narrow: (user: string) => void };

/** One entry: what happened, who did it, when, and what it changed. */
export function AuditEntryItem({ entry, mayGoBack, narrow }: Item) {
  const { tone, icon: Icon, label } = actionLook(entry.action);
  const refused = entry.action === "DENIED" || entry.action === "FAILED";
  return (
    <li className={`${styles.entry} ${styles[tone]} ${refused ? styles.refused : ""}`}>
      <span className={styles.mark}>
        <Icon aria-hidden size={15} strokeWidth={2.25} />
      </span>
      <div className={styles.what}>
        <p className={styles.headline}>
          <strong>{label}</strong>
          <span>
            by{" "}
            <button
              type="button"
              className={styles.actor}
              title={`Show only entries by ${entry.user_id}`}
              onClick={() => narrow(entry.user_id)}
            >
              {entry.user_id || "nobody known"}
            </button>
          </span>
          {entry.workload && <Badge>{`through ${entry.workload}`}</Badge>}
          <span className={styles.when}>
            <Timestamp value={entry.created_at} />
            {mayGoBack && entry.version > 0 && entry.new_values && <GoBack at={entry.created_at} />}
          </span>
        </p>
        {refused && <Refusal entry={entry} />}
        {entry.action === "ERASE" && <p>Every value about the lead was removed, from these entries too.</p>}
        {entry.version > 0 && entry.changed_fields.length === 0 && (
          <p>Something that belongs to the lead changed, such as a suggestion; none of its own fields.</p>
        )}
        {isErased(entry) ? <AllErased fields={entry.changed_fields} /> : <Changes entry={entry} />}
        <Circumstances entry={entry} />
      </div>
    </li>
  );
}

function GoBack({ at }: { at: string | undefined }) {
  if (!at) return null;
  return (
    <Link to={`?as_of=${encodeURIComponent(at)}`} className={styles.back}>
      <History aria-hidden size={14} />
      <span>
        See the lead then<span className="visually-hidden">, {formatDateTime(new Date(at))}</span>
      </span>
    </Link>
  );
}

function Refusal({ entry }: { entry: AuditEntry }) {
  return (
    <p>
      {entry.action === "DENIED"
        ? `Not allowed to “${callWords(entry.method)}”`
        : `Tried to “${callWords(entry.method)}”`}
      : <code>{entry.reason || entry.code}</code>. Nothing changed.
    </p>
  );
}

function AllErased({ fields }: { fields: string[] }) {
  return (
    <p className={styles.erased}>
      <Erased /> {fields.map(fieldWords).join(", ")}
    </p>
  );
}

/** From where, by which call: for those who investigate. */
function Circumstances({ entry }: { entry: AuditEntry }) {
  return (
    <Fold summary="Circumstances">
      <div className={styles.circumstances}>
        <Details
          items={[
            ["Time", entry.created_at && <time key="time">{entry.created_at}</time>],
            ["Roles", entry.roles.join(", ") || undefined],
            ["Call", entry.method ? <code key="call">{entry.method}</code> : "behind the scenes"],
            ["Ended with", entry.reason ? `${entry.code}, ${entry.reason}` : entry.code],
            ["IP address", entry.ip_address || undefined],
            ["User agent", entry.user_agent || undefined],
            [
              "Request",
              entry.request_id ? (
                <Copyable key="request" value={entry.request_id} label="request ID" />
              ) : undefined,
            ],
            ["Version", entry.version || undefined],
            ["Entry", <Copyable key="id" value={entry.id} label="entry ID" />],
            ["Entry hash", <Copyable key="hash" value={entry.entry_hash} label="entry hash" />],
            [
              "Previous hash",
              entry.previous_hash ? (
                <Copyable key="previous" value={entry.previous_hash} label="previous hash" />
              ) : undefined,
            ],
          ]}
        />
      </div>
    </Fold>
  );
}
