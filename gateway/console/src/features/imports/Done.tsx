import { ListFilter } from "lucide-react";
import type { LeadImport } from "@/api/types";
import { Button, ButtonLink } from "@/components/Button";
import { DialogActions } from "@/components/Dialog";
import { ErrorNotice } from "@/components/Notice";
import { formatCount } from "@/format";
import styles from "./imports.module.css";
import { ErrorsLink, Outcome } from "./Outcome";
import { UndoButton, useUndo } from "./UndoButton";

/** The end of an import, and what can be done about it. */
export function Done({ done, close }: { done: LeadImport; close: () => void }) {
  const undo = useUndo(done.id);
  const now = undo.data ?? done;
  return (
    <>
      <p>{said(now)}</p>
      <Outcome done={now} />
      {undo.error && <ErrorNotice title="The import was not undone" error={undo.error} />}
      <div className={styles.links}>
        <ErrorsLink done={now} />
        {now.state === "COMPLETED" && now.created > 0 && (
          <ButtonLink icon={ListFilter} to={`/leads?import_id=${now.id}`} onClick={close}>
            Show the new leads
          </ButtonLink>
        )}
      </div>
      <DialogActions>
        <UndoButton done={now} undo={undo} />
        <Button variant="primary" onClick={close}>
          Done
        </Button>
      </DialogActions>
    </>
  );
}

function said(now: LeadImport): string {
  if (now.state === "UNDONE") {
    const kept = now.conflicts
      ? ` ${formatCount(now.conflicts)} were changed since and stayed as they are.`
      : "";
    return `The import was undone: ${formatCount(now.undone)} leads were taken back.${kept}`;
  }
  if (now.state === "UNDOING") return "The import is being undone behind the scenes.";
  return `${formatCount(now.rows)} rows of ${now.filename || "the file"} were imported.`;
}
