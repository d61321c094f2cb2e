import type { Lineage } from "@/api/types";
import text from "@/components/Text.module.css";
import { Timestamp } from "@/components/Timestamp";
import { formatDuration } from "@/format";
import styles from "./lineage.module.css";
import { phasesOf } from "./phases";

/** When the pipeline ran, and how its time compares with waiting and recording. */
export function Timings({ lineage, requestedAt }: { lineage: Lineage; requestedAt: string | undefined }) {
  const phases = phasesOf(lineage, requestedAt);
  const total = phases.reduce((sum, phase) => sum + phase.seconds, 0);
  return (
    <div className={styles.group}>
      <h3>Timings</h3>
      <div className={styles.bar} aria-hidden="true">
        {phases.map((phase) => (
          <span
            key={phase.name}
            className={styles[phase.kind]}
            style={{ flexGrow: total > 0 ? Math.max(phase.seconds / total, 0.02) : 1 }}
          />
        ))}
      </div>
      <dl className={styles.phases}>
        {phases.map((phase) => (
          <div key={phase.name}>
            <dt>
              <i aria-hidden="true" className={styles[phase.kind]} />
              {phase.name}
            </dt>
            <dd>{formatDuration(phase.seconds)}</dd>
          </div>
        ))}
      </dl>
      <p className={text.hint}>
        Started <Timestamp value={lineage.pipeline_start_time} exact />, ended{" "}
        <Timestamp value={lineage.pipeline_end_time} exact />.
      </p>
    </div>
  );
}
