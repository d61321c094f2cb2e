import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { answer, api } from "@/api/client";
import { violationOf } from "@/api/errors";
import type { DeadLetter } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Dialog, DialogActions } from "@/components/Dialog";
import { TextField } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";
import text from "@/components/Text.module.css";
import styles from "./operations.module.css";

// Typed, since nothing brings back what is given up.
const WORD = "discard";

/** Gives a dead letter up, after saying what that means and having it typed. */
export function DiscardLetter({ letter, made }: { letter: DeadLetter; made: string }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button
        variant="quiet"
        icon={Trash2}
        aria-haspopup="dialog"
        aria-label={`Discard the lineage of ${made}…`}
        onClick={() => setOpen(true)}
      >
        Discard…
      </Button>
      {open && <DiscardDialog letter={letter} close={() => setOpen(false)} />}
    </>
  );
}

function DiscardDialog({ letter, close }: { letter: DeadLetter; close: () => void }) {
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const queries = useQueryClient();
  const announce = useAnnounce();
  const params = { path: { report_id: letter.report_id } };
  const discard = useMutation({
    mutationFn: () => answer(api.POST("/api/dead-letters/{report_id}:discard", { params, body: { reason } })),
    onSuccess: () => {
      announce("The lineage was discarded.");
      close();
      void queries.invalidateQueries({ queryKey: ["reports"] });
      return queries.invalidateQueries({ queryKey: ["operations"] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!discard.isPending) discard.mutate();
  };
  const named = violationOf(discard.error, "reason");
  return (
    <Dialog title="Discard a lineage for good" onClose={close}>
      <form onSubmit={submit} noValidate>
        <p>
          The raw inputs and the log of this report are thrown away. Nobody will be able to say from what its
          PDF was made, or to make it again. The PDF stays; the report will say that its lineage was
          discarded.
        </p>
        <p className={styles.said}>{letter.reason}</p>
        <TextField
          label="Why this lineage may be lost"
          value={reason}
          maxLength={500}
          autoComplete="off"
          onChange={({ target }) => setReason(target.value)}
          error={named}
        />
        <TextField
          label={`Type “${WORD}” to confirm`}
          value={typed}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          onChange={({ target }) => setTyped(target.value)}
        />
        <p className={text.hint}>
          Your name, this sentence and the digests of what is lost are kept for good.
        </p>
        {discard.error && !named && <ErrorNotice title="Nothing was discarded" error={discard.error} />}
        <DialogActions>
          <Button onClick={close}>Keep it</Button>
          <Button
            type="submit"
            variant="primary"
            icon={Trash2}
            busy={discard.isPending}
            disabled={reason.trim() === "" || typed.trim() !== WORD}
          >
            Discard for good
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
