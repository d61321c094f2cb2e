import { TriangleAlert } from "lucide-react";
import { Button } from "@/components/Button";
import { Difference, Differences } from "@/components/Difference";
import { Value } from "@/components/Value";
import { changedBy, changesIn, type Draft } from "./edit";
import styles from "./edit.module.css";
import { LABELS } from "./past";

type Conflict = { base: Draft; mine: Draft; theirs: Draft; goOn: (keepMine: boolean) => void };

/** Somebody was faster: what they changed, what would become of it, and the choice. */
export function EditConflict({ base, mine, theirs, goOn }: Conflict) {
  const changes = changesIn(base, mine);
  return (
    <section className={styles.conflict} aria-label="Conflict" role="alert">
      <p>
        <TriangleAlert aria-hidden size={18} />
        <strong>Somebody else changed this lead while you were editing it.</strong>
      </p>
      <Differences>
        {changedBy(base, theirs).map((field) => (
          <Difference
            key={field}
            name={
              <>
                {LABELS[field]}
                {field in changes && <small> yours: {String(changes[field]) || "empty"}</small>}
              </>
            }
            before={<Value value={base[field]} />}
            after={<Value value={theirs[field]} />}
          />
        ))}
      </Differences>
      <div className={styles.choice}>
        <Button onClick={() => goOn(true)}>Keep my changes on top of theirs</Button>
        <Button variant="quiet" onClick={() => goOn(false)}>
          Take theirs
        </Button>
      </div>
    </section>
  );
}
