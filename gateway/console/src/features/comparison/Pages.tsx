import { ChevronLeft, ChevronRight, Columns2, Layers } from "lucide-react";
import { useState } from "react";
import { useIsOperator } from "@/api/session";
import type { Report } from "@/api/types";
import { Button } from "@/components/Button";
import { OnDemand } from "@/components/OnDemand";
import text from "@/components/Text.module.css";
import styles from "./comparison.module.css";
import { PagePicture } from "./PagePicture";

type Both = { earlier: Report; later: Report };

/** The pages of both reports, beside each other or one above the other. */
export function Pages({ earlier, later }: Both) {
  const allowed = useIsOperator();
  const drawable = [earlier, later].every((report) => report.status === "COMPLETED");
  return (
    <OnDemand
      title="Pages"
      what="the pages"
      id="pages"
      allowed={allowed && drawable}
      closed={
        !drawable
          ? "One of them has no PDF."
          : allowed
            ? "Each page is rendered again from what was captured, with the report’s own template version. That opens the raw inputs, and is noted as such."
            : "Rendering pages again needs the operator role. The PDFs themselves are on the pages of the reports."
      }
    >
      <Viewer earlier={earlier} later={later} />
    </OnDemand>
  );
}

function Viewer({ earlier, later }: Both) {
  const [page, setPage] = useState(1);
  const [above, setAbove] = useState(false);
  const last = Math.max(earlier.page_count, later.page_count);
  const step = (by: number) => setPage(Math.min(last, Math.max(1, page + by)));
  return (
    <div className={styles.viewer}>
      <div className={styles.bar}>
        <Button
          icon={ChevronLeft}
          aria-label="The page before"
          disabled={page === 1}
          onClick={() => step(-1)}
        />
        <span role="status">
          Page {page} of {last}
        </span>
        <Button
          icon={ChevronRight}
          aria-label="The next page"
          disabled={page === last}
          onClick={() => step(1)}
        />
        <Button
          icon={above ? Columns2 : Layers}
          aria-pressed={above}
          onClick={() => setAbove(!above)}
          title="Lays one page above the other: what is the same is black"
        >
          Lay one above the other
        </Button>
      </div>
      <div className={above ? styles.above : styles.beside}>
        <PagePicture report={earlier} page={page} title="Earlier" />
        <PagePicture report={later} page={page} title="Later" />
      </div>
      <p className={text.hint}>
        {above
          ? "What is the same in both is black; what differs shines."
          : "Rendered again: the codes on the last page are those of a preview, not of the PDFs."}
      </p>
    </div>
  );
}
