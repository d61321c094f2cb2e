import { Download, Lock } from "lucide-react";
import { useHasRole } from "@/api/session";
import type { Lineage } from "@/api/types";
import { ButtonFile } from "@/components/Button";
import text from "@/components/Text.module.css";
import { formatBytes } from "@/format";
import styles from "./lineage.module.css";

/** How large the raw inputs are, what compression saved, and the way to them. */
export function RawInputs({ lineage }: { lineage: Lineage }) {
  const allowed = useHasRole("operator", "auditor", "admin");
  const stored = lineage.parts.reduce((sum, part) => sum + part.size_bytes, 0);
  const saved = Math.round(lineage.compression_ratio * 100);
  const href = `/api/lineage/${lineage.lineage_id}/download`;
  return (
    <div className={styles.group}>
      <h3>Raw inputs</h3>
      <div className={styles.bar} aria-hidden="true">
        <span className={styles.running} style={{ flexGrow: 1 - lineage.compression_ratio }} />
        <span className={styles.saved} style={{ flexGrow: lineage.compression_ratio }} />
      </div>
      <p className={text.hint}>
        {formatBytes(lineage.raw_inputs_size_bytes)} of JSON, stored as {formatBytes(stored)}
        {saved > 0 && ` (compression saved ${saved} %)`}.
      </p>
      {allowed ? (
        <div className={styles.downloads}>
          <ButtonFile icon={Download} href={href} download>
            Download raw inputs
          </ButtonFile>
          {lineage.parts.length > 1 &&
            lineage.parts.map((part, index) => (
              <ButtonFile key={part.sha256} variant="quiet" href={`${href}?part=${index + 1}`} download>
                Part {index + 1} ({formatBytes(part.size_bytes)})
              </ButtonFile>
            ))}
        </div>
      ) : (
        <p className={styles.locked}>
          <Lock aria-hidden size={14} />
          Opening raw inputs needs the operator or auditor role: they hold the lead’s personal data.
        </p>
      )}
    </div>
  );
}
