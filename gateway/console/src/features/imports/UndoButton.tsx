import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { Undo2 } from "lucide-react";
import type { LeadImport } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { ConfirmButton } from "@/components/ConfirmButton";
import { formatCount } from "@/format";
import { undo } from "./queries";

type Undo = UseMutationResult<LeadImport, Error, void>;

export function useUndo(id: string): Undo {
  const queries = useQueryClient();
  const announce = useAnnounce();
  return useMutation({
    mutationFn: () => undo(id),
    onSuccess: (done) => {
      announce(`${formatCount(done.undone)} leads were taken back.`);
      void queries.invalidateQueries({ queryKey: ["leads", "list"] });
      return queries.invalidateQueries({ queryKey: ["imports"] });
    },
  });
}

/** Takes an import back, at the second press. */
export function UndoButton({ done, undo }: { done: LeadImport; undo: Undo }) {
  const ended = done.state === "COMPLETED" || done.state === "FAILED";
  if (done.dry_run || !ended || done.created + done.updated === 0) return null;
  return (
    <ConfirmButton
      icon={Undo2}
      busy={undo.isPending}
      sure="Press again to undo"
      onConfirm={() => undo.mutate()}
    >
      Undo
    </ConfirmButton>
  );
}
