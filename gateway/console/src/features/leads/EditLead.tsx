import { useMutation, useQueryClient } from "@tanstack/react-query";
import { PencilLine, Save } from "lucide-react";
import { type FormEvent, useState } from "react";
import { answer, api } from "@/api/client";
import { ApiError, violationOf } from "@/api/errors";
import { useIsOperator } from "@/api/session";
import type { Lead } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Dialog, DialogActions } from "@/components/Dialog";
import { Check, TextField } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";
import { EditConflict } from "./EditConflict";
import { changedBy, changesIn, draftOf, rebased } from "./edit";
import { keepLead, leadQuery } from "./queries";

/** Changes what belongs to people: address, domain, name, origin. */
export function EditLead({ lead }: { lead: Lead }) {
  const [open, setOpen] = useState(false);
  if (!useIsOperator() || lead.delete_time) return null;
  return (
    <>
      <Button icon={PencilLine} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Edit…
      </Button>
      {open && <EditDialog lead={lead} onClose={() => setOpen(false)} />}
    </>
  );
}

function EditDialog({ lead, onClose }: { lead: Lead; onClose: () => void }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  // The lead as it was when these changes were thought of.
  const [base, setBase] = useState(lead);
  const [draft, setDraft] = useState(() => draftOf(lead));
  const conflict = changedBy(base, lead).length > 0;
  const save = useMutation({
    mutationFn: () => {
      const etag = conflict ? base.etag : lead.etag;
      return answer(
        api.PATCH("/api/leads/{id}", {
          params: { path: { id: lead.id }, header: { "If-Match": etag } },
          body: changesIn(base, draft),
        }),
      );
    },
    onSuccess: (saved) => {
      announce("The lead was changed.");
      onClose();
      return keepLead(queries, saved);
    },
    // What others have changed meanwhile arrives with the lead as it is now.
    onError: () => queries.invalidateQueries({ queryKey: leadQuery(lead.id).queryKey }),
  });
  const named = {
    email: violationOf(save.error, "lead.email") ?? violationOf(save.error, "email"),
    domain: violationOf(save.error, "lead.domain") ?? violationOf(save.error, "domain"),
    name: violationOf(save.error, "lead.name") ?? violationOf(save.error, "name"),
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (save.isPending || conflict) return;
    if (Object.keys(changesIn(base, draft)).length === 0) onClose();
    else save.mutate();
  };
  const goOn = (keepMine: boolean) => {
    setDraft(keepMine ? rebased(base, draft, draftOf(lead)) : draftOf(lead));
    setBase(lead);
    save.reset();
  };
  const field = (name: "email" | "domain" | "name", label: string) => (
    <TextField
      label={label}
      value={draft[name]}
      onChange={(event) => setDraft({ ...draft, [name]: event.target.value })}
      autoComplete="off"
      spellCheck={false}
      error={named[name]}
    />
  );
  return (
    <Dialog title="Edit the lead" onClose={onClose}>
      <form onSubmit={submit} noValidate>
        {field("email", "E-mail")}
        {field("domain", "Domain")}
        {field("name", "Name")}
        <Check
          checked={draft.is_manual}
          onChange={(event) => setDraft({ ...draft, is_manual: event.target.checked })}
        >
          Added by hand, not imported
        </Check>
        {conflict && <EditConflict base={base} mine={draft} theirs={lead} goOn={goOn} />}
        {save.error && !conflict && !Object.values(named).some(Boolean) && (
          <ErrorNotice title={titleOf(save.error)} error={save.error} />
        )}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          {!conflict && (
            <Button type="submit" variant="primary" icon={Save} busy={save.isPending}>
              Save
            </Button>
          )}
        </DialogActions>
      </form>
    </Dialog>
  );
}

function titleOf(error: Error): string {
  const other = error instanceof ApiError && error.status === "ALREADY_EXISTS";
  return other ? "Another lead is there already" : "Nothing was changed";
}
