import { Search, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { violationOf } from "@/api/errors";
import { Button } from "@/components/Button";
import { Select, TextField } from "@/components/Field";
import { Filters } from "@/components/Filters";
import { Fold } from "@/components/Fold";
import styles from "./audit.module.css";
import { FIELDS, fieldWords } from "./entry";
import { ACTIONS, actionLook } from "./look";
import type { AuditFilter } from "./queries";

type Narrowing = { filter: AuditFilter; change: (filter: AuditFilter) => void; error: Error | null };

/** Narrows the trail. Each search is a reading of its own, so text is sought when it is complete. */
export function AuditFilters({ filter, change, error }: Narrowing) {
  const choose = (key: "action" | "field", value: string) => {
    const { [key]: _, ...rest } = filter;
    change(value ? ({ ...rest, [key]: value } as AuditFilter) : rest);
  };
  return (
    <Filters label="Filter the audit trail">
      <Select
        label="Action"
        value={filter.action ?? ""}
        onChange={(event) => choose("action", event.target.value)}
        options={[["", "All but readings"], ...ACTIONS.map(actionOption)]}
      />
      <Select
        label="Field"
        value={filter.field ?? ""}
        onChange={(event) => choose("field", event.target.value)}
        options={[["", "All"], ...FIELDS.map(fieldOption)]}
      />
      {Object.keys(filter).length > 0 && (
        <Button variant="quiet" icon={X} onClick={() => change({})}>
          Clear
        </Button>
      )}
      <div className={styles.more}>
        <Fold summary="By person, address or time">
          {/* Another filter is another form, so that what it shows is what is sought. */}
          <Sought key={JSON.stringify(filter)} filter={filter} change={change} error={error} />
        </Fold>
      </div>
    </Filters>
  );
}

const actionOption = (action: (typeof ACTIONS)[number]): [string, string] => [
  action,
  actionLook(action).label,
];
const fieldOption = (field: string): [string, string] => [field, fieldWords(field)];

function Sought({ filter, change, error }: Narrowing) {
  const [days, setDays] = useState({ from: filter.created_after, until: filter.created_before });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const text = (name: string) => String(data.get(name) ?? "").trim();
    const { action, field } = filter;
    change({
      ...(action ? { action } : {}),
      ...(field ? { field } : {}),
      ...(text("user_id") ? { user_id: text("user_id") } : {}),
      ...(text("ip_address") ? { ip_address: text("ip_address") } : {}),
      ...(days.from ? { created_after: days.from } : {}),
      ...(days.until ? { created_before: days.until } : {}),
    });
  };
  return (
    <form className={styles.sought} onSubmit={submit}>
      <TextField
        label="Person"
        name="user_id"
        defaultValue={filter.user_id}
        spellCheck={false}
        error={violationOf(error, "user_id")}
      />
      <TextField
        label="IP address or network"
        name="ip_address"
        defaultValue={filter.ip_address}
        placeholder="192.0.2.0/24"
        spellCheck={false}
        error={violationOf(error, "ip_address")}
      />
      <TextField
        label="From"
        type="datetime-local"
        defaultValue={local(days.from)}
        onChange={(event) => setDays({ ...days, from: instant(event.target.value) })}
      />
      <TextField
        label="Until"
        type="datetime-local"
        defaultValue={local(days.until)}
        onChange={(event) => setDays({ ...days, until: instant(event.target.value) })}
      />
      <Button type="submit" icon={Search}>
        Search
      </Button>
    </form>
  );
}

/** What a field of the reader's own clock means, and the other way round. */
function instant(value: string): string | undefined {
  return value ? new Date(value).toISOString() : undefined;
}

function local(value: string | undefined): string {
  if (!value) return "";
  const moment = new Date(value);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
