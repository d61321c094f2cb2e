import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Send } from "lucide-react";
import { type FormEvent, useState } from "react";
import { answer, api } from "@/api/client";
import { violationOf } from "@/api/errors";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Dialog, DialogActions } from "@/components/Dialog";
import { TextField } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";
import text from "@/components/Text.module.css";
import { formatCount } from "@/format";

/** Has dead letters delivered again: those that are selected, or all. */
export function RedriveLetters({ reportIds }: { reportIds: string[] }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button icon={Send} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        {reportIds.length > 0 ? `Redrive ${formatCount(reportIds.length)}…` : "Redrive all…"}
      </Button>
      {open && <RedriveDialog reportIds={reportIds} close={() => setOpen(false)} />}
    </>
  );
}

function RedriveDialog({ reportIds, close }: { reportIds: string[]; close: () => void }) {
  // What was selected when the dialog was opened, whatever the list shows by now.
  const [report_ids] = useState(reportIds);
  const [reason, setReason] = useState("");
  const queries = useQueryClient();
  const announce = useAnnounce();
  const redrive = useMutation({
    mutationFn: () => answer(api.POST("/api/dead-letters:redrive", { body: { report_ids, reason } })),
    onSuccess: ({ redriven }) => {
      announce(`${formatCount(redriven)} are delivered again.`);
      close();
      return queries.invalidateQueries({ queryKey: ["operations"] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!redrive.isPending) redrive.mutate();
  };
  const which = report_ids.length > 0 ? formatCount(report_ids.length) : "all";
  const named = violationOf(redrive.error, "reason");
  return (
    <Dialog title={`Redrive ${which} dead ${report_ids.length === 1 ? "letter" : "letters"}`} onClose={close}>
      <form onSubmit={submit} noValidate>
        <p className={text.hint}>
          They are sent to the lineage service again. Do so once what stood in their way is mended: what fails
          as before is a dead letter again.
        </p>
        <TextField
          label="What was mended"
          value={reason}
          maxLength={500}
          autoComplete="off"
          onChange={({ target }) => setReason(target.value)}
          error={named}
        />
        <p className={text.hint}>Your name and this sentence are kept for good.</p>
        {redrive.error && !named && <ErrorNotice title="Nothing was redriven" error={redrive.error} />}
        <DialogActions>
          <Button onClick={close}>Not now</Button>
          <Button
            type="submit"
            variant="primary"
            icon={Send}
            busy={redrive.isPending}
            disabled={reason.trim() === ""}
          >
            Redrive
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
