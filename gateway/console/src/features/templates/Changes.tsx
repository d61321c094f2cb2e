import { CircleHelp, Minus, PencilLine, Plus } from "lucide-react";
import type { TemplateDiff } from "@/api/types";
import { Card } from "@/components/Card";
import { EmptyState } from "@/components/Notice";
import { Scroll } from "@/components/Scroll";
import { Badge, Status, type StatusLook } from "@/components/Status";
import text from "@/components/Text.module.css";
import { formatBytes, formatCount } from "@/format";
import { lineKind } from "./bundle";
import styles from "./templates.module.css";

type Change = TemplateDiff["files"][number]["change"];

function changeLook(change: Change): StatusLook {
  switch (change) {
    case "ADDED":
      return { tone: "good", icon: Plus, label: "Added" };
    case "REMOVED":
      return { tone: "bad", icon: Minus, label: "Removed" };
    case "CHANGED":
      return { tone: "warn", icon: PencilLine, label: "Changed" };
    default:
      return { tone: "idle", icon: CircleHelp, label: "Unknown" };
  }
}

/** The files that are not the same, each with its lines where it is text. */
export function FileChanges({ changes }: { changes: TemplateDiff["files"] }) {
  return (
    <Card title={`Files (${formatCount(changes.length)})`}>
      <ul className={styles.changes}>
        {changes.map(({ name, change, a, b, text_diff }) => (
          <li key={name}>
            <div className={styles.change}>
              <Status {...changeLook(change)} />
              <code>{name}</code>
              <span className={text.hint}>
                {[a, b].flatMap((file) => (file ? [formatBytes(file.size_bytes)] : [])).join(" → ")}
              </span>
            </div>
            {text_diff && (
              <details>
                <summary>Show the lines</summary>
                <Scroll label={`Lines of ${name}`}>
                  <pre className={styles.text}>
                    {text_diff.split("\n").map((line, at) => (
                      // biome-ignore lint/suspicious/noArrayIndexKey: the lines never move
                      <span key={at} className={styles[lineKind(line)]}>
                        {line}
                        {"\n"}
                      </span>
                    ))}
                  </pre>
                </Scroll>
              </details>
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}

type ValueChange = { place: string; group?: string; change: Change; a: string; b: string };

/** Values that are not the same, one above the other. */
export function ValueChanges({
  title,
  none,
  changes,
}: {
  title: string;
  none: string;
  changes: ValueChange[];
}) {
  return (
    <Card title={`${title} (${formatCount(changes.length)})`}>
      {changes.length === 0 && <EmptyState title="No difference">{none}</EmptyState>}
      {changes.length > 0 && (
        <Scroll label={`Changes: ${title}`}>
          <ul className={styles.changes}>
            {changes.map(({ place, group, change, a, b }) => (
              <li key={`${group} ${place}`}>
                <div className={styles.change}>
                  <Status {...changeLook(change)} />
                  {group && <Badge>{group}</Badge>}
                  <code>{place}</code>
                </div>
                {change !== "ADDED" && (
                  <del className={styles.removed} lang={group}>
                    {a}
                  </del>
                )}
                {change !== "REMOVED" && (
                  <ins className={styles.added} lang={group}>
                    {b}
                  </ins>
                )}
              </li>
            ))}
          </ul>
        </Scroll>
      )}
    </Card>
  );
}
