import { useMutation, useQueryClient } from "@tanstack/react-query";
import { FileText, SlidersHorizontal } from "lucide-react";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { useIsOperator } from "@/api/session";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { asRequest, type Choice, USUAL } from "@/components/choice";
import { Dialog, DialogActions } from "@/components/Dialog";
import { ErrorNotice } from "@/components/Notice";
import { ReportChoice } from "@/components/ReportChoice";
import text from "@/components/Text.module.css";

function useGenerate(leadId: string, done?: () => void) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  return useMutation({
    mutationFn: (choice: Choice) =>
      answer(api.POST("/api/reports", { body: { lead_id: leadId, ...asRequest(choice) } })),
    onSuccess: () => {
      announce("Report queued.");
      done?.();
      return queries.invalidateQueries({ queryKey: ["reports", "list"] });
    },
  });
}

/** Asks for a report on a lead, which then shows in the lead's list: the usual one at once, another by choice. */
export function GenerateReport({ leadId }: { leadId: string }) {
  const [open, setOpen] = useState(false);
  const generate = useGenerate(leadId);
  if (!useIsOperator()) return <span className={text.hint}>Making reports needs the operator role.</span>;
  return (
    <>
      <Button
        icon={SlidersHorizontal}
        aria-label="Choose template and language"
        title="Choose template and language"
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      />
      <Button
        variant="primary"
        icon={FileText}
        busy={generate.isPending}
        onClick={() => generate.mutate(USUAL)}
      >
        Generate report
      </Button>
      {generate.error && <ErrorNotice title="The report was not queued" error={generate.error} />}
      {open && <ChoiceDialog leadId={leadId} close={() => setOpen(false)} />}
    </>
  );
}

function ChoiceDialog({ leadId, close }: { leadId: string; close: () => void }) {
  const [choice, setChoice] = useState(USUAL);
  const generate = useGenerate(leadId, close);
  return (
    <Dialog title="Make a report" onClose={close}>
      <ReportChoice choice={choice} change={setChoice} />
      {generate.error && <ErrorNotice title="The report was not queued" error={generate.error} />}
      <DialogActions>
        <Button onClick={close}>Not now</Button>
        <Button
          variant="primary"
          icon={FileText}
          busy={generate.isPending}
          onClick={() => generate.mutate(choice)}
        >
          Make it
        </Button>
      </DialogActions>
    </Dialog>
  );
}
