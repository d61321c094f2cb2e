import type { AuditEntry } from "@/api/types";
import { Difference, Differences, Erased } from "@/components/Difference";
import { Fold } from "@/components/Fold";
import { Value } from "@/components/Value";
import { changesOf, type FieldChange, fieldWords, isTelling } from "./entry";

// So many lines are taken in at a glance.
const GLANCE = 6;

/** What an entry changed, old against new. */
export function Changes({ entry }: { entry: AuditEntry }) {
  const changes = changesOf(entry);
  if (changes.length === 0) return null;
  const telling = changes.filter(isTelling);
  const shown = telling.slice(0, GLANCE);
  const folded = [...telling.slice(GLANCE), ...changes.filter((change) => !isTelling(change))];
  return (
    <>
      <Rows changes={shown} />
      {folded.length > 0 && (
        <Fold summary={`${folded.length} more ${folded.length === 1 ? "field" : "fields"}`}>
          <Rows changes={folded} />
        </Fold>
      )}
    </>
  );
}

function Rows({ changes }: { changes: FieldChange[] }) {
  return (
    <Differences>
      {changes.map(({ field, before, after }) => (
        <Difference
          key={field}
          name={<span title={field}>{fieldWords(field)}</span>}
          before={shown(before)}
          after={shown(after)}
        />
      ))}
    </Differences>
  );
}

function shown(side: FieldChange["before"]) {
  if (side === undefined) return undefined;
  return side === "erased" ? <Erased /> : <Value value={side.value} />;
}
