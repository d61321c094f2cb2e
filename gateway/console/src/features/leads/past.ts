import type { Lead } from "@/api/types";

/** What a lead says of itself, in the order in which it is shown. */
export const FIELDS = [
  "email",
  "domain",
  "name",
  "is_manual",
  "enrichment_status",
  "enrichment_error",
  "enriched_at",
  "enrichment_task_id",
  "import_id",
  "merged_into",
  "created_by",
  "created_at",
  "updated_at",
  "delete_time",
  "etag",
] as const;
export type Field = (typeof FIELDS)[number];

export const LABELS: Record<Field, string> = {
  email: "E-mail",
  domain: "Domain",
  name: "Name",
  is_manual: "Added by hand",
  enrichment_status: "Enrichment",
  enrichment_error: "Enrichment error",
  enriched_at: "Enriched",
  enrichment_task_id: "Enrichment job",
  import_id: "Import",
  merged_into: "Merged into",
  created_by: "Added by",
  created_at: "Added",
  updated_at: "Changed last",
  delete_time: "Deleted",
  etag: "ETag",
};

// They differ whenever anything does, and say nothing by themselves.
const BOOKKEEPING: readonly Field[] = ["updated_at", "etag"];

/** The fields that say something else now than they did then. */
export function differing(then: Lead, now: Lead): Field[] {
  return FIELDS.filter((field) => !BOOKKEEPING.includes(field) && (then[field] ?? "") !== (now[field] ?? ""));
}
