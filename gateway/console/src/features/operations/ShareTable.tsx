import { ChevronDown } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { StorageShare } from "@/api/types";
import { Button } from "@/components/Button";
import { formatBytes, formatCount } from "@/format";
import styles from "./operations.module.css";
import { barLength } from "./storage";

/** Shares of the storage: a bar chart to the eye, a table to whoever reads it. */
export function ShareTable({
  caption,
  shares,
  name,
  shown = 12,
  counted = true,
}: {
  caption: string;
  shares: StorageShare[];
  name: (name: string) => ReactNode;
  shown?: number;
  counted?: boolean;
}) {
  const [whole, setWhole] = useState(false);
  return (
    <div className={styles.share}>
      <table>
        <caption>{caption}</caption>
        <thead className="visually-hidden">
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Bytes</th>
            {counted && <th scope="col">Lineages</th>}
          </tr>
        </thead>
        <tbody>
          {(whole ? shares : shares.slice(0, shown)).map((share) => (
            <tr key={share.name}>
              <th scope="row">{name(share.name)}</th>
              <td className={styles.length}>
                <span className={styles.track}>
                  <span className={styles.fill} style={{ inlineSize: `${barLength(share, shares)}%` }} />
                </span>
                <span className={styles.bytes}>{formatBytes(share.bytes)}</span>
              </td>
              {counted && (
                <td className={styles.records}>
                  {formatCount(share.records)} {share.records === 1 ? "lineage" : "lineages"}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {!whole && shares.length > shown && (
        <Button variant="quiet" icon={ChevronDown} onClick={() => setWhole(true)}>
          Show all {formatCount(shares.length)}
        </Button>
      )}
    </div>
  );
}
