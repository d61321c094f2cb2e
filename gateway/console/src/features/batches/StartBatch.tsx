import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Files } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { answer, api } from "@/api/client";
import { useIsOperator } from "@/api/session";
import { Button } from "@/components/Button";
import { asRequest, USUAL } from "@/components/choice";
import { Dialog, DialogActions } from "@/components/Dialog";
import { ErrorNotice } from "@/components/Notice";
import { ReportChoice } from "@/components/ReportChoice";
import text from "@/components/Text.module.css";
import { asLeads, leadsInWords, type Wish } from "./wish";

/** Asks for a report on each of many leads, and goes to the batch that they are. */
export function StartBatch({ wish }: { wish: Wish }) {
  const [open, setOpen] = useState(false);
  if (!useIsOperator()) return null;
  return (
    <>
      <Button icon={Files} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Report on {leadsInWords(wish)}…
      </Button>
      {open && <StartDialog wish={wish} close={() => setOpen(false)} />}
    </>
  );
}

function StartDialog({ wish, close }: { wish: Wish; close: () => void }) {
  const [choice, setChoice] = useState(USUAL);
  // Names what is asked for here, so that to ask twice is to ask once.
  const [key] = useState(() => globalThis.crypto.randomUUID?.() ?? "");
  const queries = useQueryClient();
  const navigate = useNavigate();
  const start = useMutation({
    mutationFn: async () => {
      const body = { ...(await asLeads(wish)), ...asRequest(choice) };
      const request_id = key && `${key} ${choice.version} ${choice.locale}`;
      return answer(api.POST("/api/reports:batch", { body: { ...body, request_id } }));
    },
    onSuccess: (batch) => {
      void queries.invalidateQueries({ queryKey: ["batches", "list"] });
      void queries.invalidateQueries({ queryKey: ["reports", "list"] });
      return navigate(`/batches/${batch.id}`);
    },
  });
  return (
    <Dialog title={`Report on ${leadsInWords(wish)}`} onClose={close}>
      <ReportChoice choice={choice} change={setChoice} />
      <p className={text.hint}>
        Each lead gets a report of its own, with an outcome of its own. Batches wait behind single reports.
        {!wish.exact && " How many leads the filter finds is counted when you start."}
      </p>
      {start.error && <ErrorNotice title="The batch was not started" error={start.error} />}
      <DialogActions>
        <Button onClick={close}>Not now</Button>
        <Button variant="primary" icon={Files} busy={start.isPending} onClick={() => start.mutate()}>
          Start the batch
        </Button>
      </DialogActions>
    </Dialog>
  );
}
