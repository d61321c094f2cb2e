import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { LockKeyhole, LockKeyholeOpen } from "lucide-react";
import { type FormEvent, useState } from "react";
import { answer, api } from "@/api/client";
import { useHasRole } from "@/api/session";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Choice } from "@/components/Choice";
import { ConfirmButton } from "@/components/ConfirmButton";
import { Dialog, DialogActions } from "@/components/Dialog";
import { TextField } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";
import { Status } from "@/components/Status";
import { Timestamp } from "@/components/Timestamp";
import { holdsQuery } from "./queries";

/** Whether what was captured of a lead is kept whatever its age, and the switch for it. */
export function LegalHold({ leadId }: { leadId: string }) {
  const sees = useHasRole("auditor", "admin");
  const decides = useHasRole("admin");
  const { data: holds, error, refetch } = useQuery({ ...holdsQuery, enabled: sees });
  const [open, setOpen] = useState(false);
  const change = useChange(leadId, () => setOpen(false));
  if (!sees) return null;
  const hold = holds?.find((each) => each.lead_id === leadId);
  return (
    <Choice
      title="Legal hold"
      action={
        decides &&
        holds &&
        (hold ? (
          <ConfirmButton
            icon={LockKeyholeOpen}
            busy={change.isPending}
            sure="Press again to release"
            onConfirm={() => change.mutate({ held: false, reason: "" })}
          >
            Release
          </ConfirmButton>
        ) : (
          <>
            <Button icon={LockKeyhole} aria-haspopup="dialog" onClick={() => setOpen(true)}>
              Hold…
            </Button>
            {open && (
              <HoldDialog
                busy={change.isPending}
                onClose={() => setOpen(false)}
                hold={(reason) => change.mutate({ held: true, reason })}
              />
            )}
          </>
        ))
      }
    >
      {hold ? (
        <>
          <Status tone="warn" icon={LockKeyhole} label="Held" />
          <p>
            {hold.reason && `“${hold.reason}”, `}by {hold.held_by}, <Timestamp value={hold.held_at} />. Its
            raw inputs and logs are kept whatever their age.
          </p>
        </>
      ) : (
        <p>{holds ? "Not held: its raw inputs and logs go when their time has come." : "Looking…"}</p>
      )}
      {error && <ErrorNotice title="Holds could not be read" error={error} retry={refetch} />}
      {change.error && <ErrorNotice title="Nothing was changed" error={change.error} />}
    </Choice>
  );
}

function useChange(leadId: string, done: () => void) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  return useMutation({
    mutationFn: (body: { held: boolean; reason: string }) =>
      answer(api.POST("/api/lineage:hold", { body: { lead_id: leadId, ...body } })),
    onSuccess: ({ held }) => {
      announce(held ? "The lead is held." : "The lead is released.");
      return queries.invalidateQueries({ queryKey: holdsQuery.queryKey });
    },
    onSettled: done,
  });
}

function HoldDialog({
  busy,
  onClose,
  hold,
}: {
  busy: boolean;
  onClose: () => void;
  hold: (reason: string) => void;
}) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!busy) hold(String(new FormData(event.currentTarget).get("reason")).trim());
  };
  return (
    <Dialog title="Hold what belongs to this lead" onClose={onClose}>
      <form onSubmit={submit}>
        <TextField
          label="Why, for those who read the audit"
          name="reason"
          maxLength={500}
          autoComplete="off"
        />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" icon={LockKeyhole} busy={busy}>
            Hold
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
