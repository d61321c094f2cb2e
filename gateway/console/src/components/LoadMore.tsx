import { ChevronDown } from "lucide-react";
import { Button } from "./Button";
import styles from "./Table.module.css";

/** The end of a list that has more pages. */
export function LoadMore({ busy, load, what }: { busy: boolean; load: () => unknown; what: string }) {
  return (
    <div className={styles.foot}>
      <Button icon={ChevronDown} busy={busy} onClick={() => void load()}>
        Load more {what}
      </Button>
    </div>
  );
}
