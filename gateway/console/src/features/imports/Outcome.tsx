import { FileWarning } from "lucide-react";
import type { LeadImport } from "@/api/types";
import { ButtonFile } from "@/components/Button";
import { Counts } from "@/components/Counts";
import { formatCount } from "@/format";

/** What became of a file's rows, or would become of them. */
export function Outcome({ done }: { done: LeadImport }) {
  const counts: [string, number][] = [
    [done.dry_run ? "to create" : "created", done.created],
    [done.dry_run ? "to update" : "updated", done.updated],
    ["unchanged", done.unchanged],
    ["repeated", done.duplicates],
    ["refused", done.refused],
  ];
  return <Counts label="Outcome" items={counts} />;
}

/** The rows that were passed over, as a file; nothing if there are none. */
export function ErrorsLink({ done }: { done: LeadImport }) {
  const count = done.refused + done.duplicates;
  if (count === 0) return null;
  return (
    <ButtonFile icon={FileWarning} href={`/api/leads/imports/${done.id}/errors`} download>
      {formatCount(count)} {count === 1 ? "row" : "rows"} passed over
    </ButtonFile>
  );
}
