import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Merge } from "lucide-react";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { useIsOperator } from "@/api/session";
import type { Lead } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { ErrorNotice } from "@/components/Notice";
import { MergeChoices } from "./MergeChoices";
import { MergeSearch } from "./MergeSearch";
import { type Choices, firstChoices } from "./merge";
import styles from "./merge.module.css";

/** Makes another lead part of this one, field by field as chosen. It can be undone from the other one. */
export function MergeLead({ lead }: { lead: Lead }) {
  const [open, setOpen] = useState(false);
  if (!useIsOperator() || lead.delete_time) return null;
  return (
    <>
      <Button icon={Merge} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Merge…
      </Button>
      {open && <MergeDialog lead={lead} onClose={() => setOpen(false)} />}
    </>
  );
}

function MergeDialog({ lead, onClose }: { lead: Lead; onClose: () => void }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const [other, setOther] = useState<Lead>();
  const [choices, setChoices] = useState<Choices>();
  const merge = useMutation({
    mutationFn: (body: { other_id: string } & Choices) =>
      answer(
        api.POST("/api/leads/{id}:merge", {
          params: { path: { id: lead.id } },
          body: { ...body, etag: lead.etag, other_etag: other?.etag ?? "" },
        }),
      ),
    onSuccess: () => {
      announce(`Merged ${other?.email} into this lead.`);
      onClose();
      return queries.invalidateQueries({ queryKey: ["leads"] });
    },
  });
  const choose = (chosen: Lead) => {
    merge.reset();
    setOther(chosen);
    setChoices(firstChoices(lead, chosen));
  };
  return (
    <Dialog title="Merge another lead into this one" onClose={onClose}>
      <MergeSearch lead={lead} chosen={other} choose={choose} />
      {other && choices && (
        <>
          <MergeChoices lead={lead} other={other} choices={choices} change={setChoices} />
          {merge.error && <ErrorNotice title="Nothing was merged" error={merge.error} />}
          <div className={styles.actions}>
            <Button
              variant="primary"
              icon={Merge}
              busy={merge.isPending}
              onClick={() => merge.mutate({ other_id: other.id, ...choices })}
            >
              Merge
            </Button>
          </div>
        </>
      )}
    </Dialog>
  );
}
