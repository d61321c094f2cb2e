import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Eraser } from "lucide-react";
import { type FormEvent, useState } from "react";
import { answer, api } from "@/api/client";
import { useHasRole } from "@/api/session";
import type { Lead } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Choice } from "@/components/Choice";
import { Dialog, DialogActions } from "@/components/Dialog";
import { TextField } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";

/** Removes everything personal about a lead for good. Only administrators can. */
export function EraseLead({ lead }: { lead: Lead }) {
  const [open, setOpen] = useState(false);
  if (!useHasRole("admin")) return null;
  return (
    <Choice
      title="Erase for good"
      action={
        <>
          <Button icon={Eraser} aria-haspopup="dialog" onClick={() => setOpen(true)}>
            Erase…
          </Button>
          {open && <EraseDialog lead={lead} onClose={() => setOpen(false)} />}
        </>
      }
    >
      <p>For a person who asks to be forgotten. It cannot be undone.</p>
    </Choice>
  );
}

function EraseDialog({ lead, onClose }: { lead: Lead; onClose: () => void }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const [typed, setTyped] = useState("");
  const matches = typed.trim().toLowerCase() === lead.email.toLowerCase();
  const erase = useMutation({
    mutationFn: () =>
      answer(api.POST("/api/leads/{id}:erase", { params: { path: { id: lead.id } }, body: {} })),
    onSuccess: () => {
      announce("The lead was erased.");
      onClose();
      // What this browser has read of it goes as well.
      queries.removeQueries({ queryKey: ["leads", "past", lead.id] });
      queries.removeQueries({ queryKey: ["audit", lead.id] });
      void queries.resetQueries({ queryKey: ["leads", "one", lead.id] });
      return queries.invalidateQueries({ queryKey: ["leads", "list"] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (matches && !erase.isPending) erase.mutate();
  };
  return (
    <Dialog title="Erase this lead for good" onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <p>
          The lead, its facts and every value in its audit trail are removed. Who did what to it and when
          stays on record, and what was proved before stays proved. The PDFs, raw inputs and logs of its
          reports follow within seconds, or when a legal hold is released.{" "}
          <strong>It cannot be undone.</strong>
        </p>
        <TextField
          label={`Type ${lead.email} to confirm`}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
        />
        {erase.error && <ErrorNotice title="Nothing was erased" error={erase.error} />}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="danger" icon={Eraser} busy={erase.isPending} disabled={!matches}>
            Erase for good
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
