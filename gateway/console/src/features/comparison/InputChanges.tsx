import { useDeferredValue, useState } from "react";
import type { LineageDiff } from "@/api/types";
import { Card } from "@/components/Card";
import { Difference, Differences } from "@/components/Difference";
import { Select, TextField } from "@/components/Field";
import { Filters } from "@/components/Filters";
import { LoadMore } from "@/components/LoadMore";
import { EmptyState } from "@/components/Notice";
import text from "@/components/Text.module.css";
import { Text } from "@/components/Value";
import { formatCount } from "@/format";
import styles from "./comparison.module.css";
import { filterChanges } from "./order";

type Change = LineageDiff["changes"][number];

const PAGE = 100;

/** Where the raw inputs differ, place by place. */
export function InputChanges({ diff }: { diff: LineageDiff }) {
  const [needle, setNeedle] = useState("");
  const [kind, setKind] = useState<Change["kind"] | "">("");
  const [shown, setShown] = useState(PAGE);
  const found = filterChanges(diff.changes, useDeferredValue(needle), kind);
  const beyond = diff.changes_total - diff.changes.length;
  return (
    <Card title="Raw inputs" aside={<span className={text.hint}>− earlier, + later</span>}>
      {diff.inputs_identical ? (
        <EmptyState title="Identical">
          Both reports were made of the same raw inputs, byte for byte.
        </EmptyState>
      ) : (
        <>
          <Filters label="Filter the differences" className={styles.filters}>
            <TextField
              label="Place contains"
              type="search"
              value={needle}
              placeholder="enrichment"
              onChange={(event) => setNeedle(event.target.value)}
              data-shortcut="/"
              aria-keyshortcuts="/"
            />
            <Select
              label="Kind"
              value={kind}
              onChange={(event) => setKind(event.target.value as Change["kind"] | "")}
              options={[
                ["", "All"],
                ["CHANGED", "Changed"],
                ["ADDED", "Added"],
                ["REMOVED", "Removed"],
              ]}
            />
            <span role="status" className={text.hint}>
              {formatCount(found.length)} of {formatCount(diff.changes_total)}
            </span>
          </Filters>
          {found.length === 0 && (
            <EmptyState title="No difference matches">Search for another place.</EmptyState>
          )}
          <div className={styles.changes}>
            <Differences>
              {found.slice(0, shown).map((change) => (
                <Difference
                  key={change.path}
                  name={<code>{change.path}</code>}
                  before={change.kind === "ADDED" ? undefined : <Json text={change.a} />}
                  after={change.kind === "REMOVED" ? undefined : <Json text={change.b} />}
                />
              ))}
            </Differences>
          </div>
          {found.length > shown && (
            <LoadMore what="differences" busy={false} load={() => setShown(shown + PAGE)} />
          )}
          {beyond > 0 && (
            <p className={text.note}>
              {formatCount(beyond)} more are not listed: download the raw inputs of both to see them all.
            </p>
          )}
        </>
      )}
    </Card>
  );
}

/** JSON as it was captured: of two times or numbers every digit counts. */
function Json({ text }: { text: string }) {
  return (
    <div className={styles.json}>
      <Text text={text} />
    </div>
  );
}
