import type { AuditEntry } from "@/api/types";

/** One field of an entry. Where a value is erased, only that there was one is known. */
export type FieldChange = {
  field: string;
  before: { value: unknown } | "erased" | undefined;
  after: { value: unknown } | "erased" | undefined;
};

// What people look for first; the rest follows by its name.
const ORDER = ["email", "domain", "name", "is_manual", "enrichment_status", "enrichment_error"];

const NAMES: Record<string, string> = {
  id: "Lead ID",
  email: "E-mail",
  is_manual: "Added by hand",
  enrichment_status: "Enrichment",
  enrichment_asked_by: "Look-up asked for by",
  enrichment_attempts: "Look-up attempts",
  enrichment_job_id: "Look-up job",
  enriched_at: "Enriched",
  created_at: "Added",
  created_by: "Added by",
  deleted_at: "Deleted",
  import_id: "Import",
};

/** The fields that the trail can be asked for, beside those that entries at hand name. */
export const FIELDS = [
  "email",
  "domain",
  "name",
  "is_manual",
  "enrichment_status",
  "deleted_at",
  "merged_into",
];

/** What a column is called on the screen. */
export function fieldWords(field: string): string {
  if (NAMES[field]) return NAMES[field];
  const words = field.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What an entry changed, field by field, the telling ones first. */
export function changesOf(entry: AuditEntry): FieldChange[] {
  const isFirst = entry.action === "CREATE" || entry.action === "BASELINE";
  // Erasing a lead takes its row away; nothing stands in the place of what was.
  const isGone = entry.action === "DELETE" && entry.new_values === undefined;
  const fields = [...entry.changed_fields].sort(
    (one, other) => rank(one) - rank(other) || compare(one, other),
  );
  return fields.map((field) => ({
    field,
    before: isFirst ? undefined : sideOf(entry.old_values, field),
    after: isGone ? undefined : sideOf(entry.new_values, field),
  }));
}

function sideOf(values: AuditEntry["old_values"], field: string): FieldChange["before"] {
  return values && field in values ? { value: values[field] } : "erased";
}

function rank(field: string): number {
  const place = ORDER.indexOf(field);
  return place < 0 ? ORDER.length : place;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** True if the change says something that is worth a line: not that an empty field began empty. */
export function isTelling({ before, after }: FieldChange): boolean {
  return before !== undefined || after === "erased" || !isBlank(after?.value);
}

function isBlank(value: unknown): boolean {
  return value === null || value === undefined || value === "" || value === 0;
}

/** True if each value of an entry that had any is erased. */
export function isErased(entry: AuditEntry): boolean {
  return entry.changed_fields.length > 0 && !entry.old_values && !entry.new_values;
}

/** `leadfactory.lead.v1.LeadService/QuickAddLead` as words: "Quick add lead". */
export function callWords(method: string): string {
  const words = method
    .replace(/^.*\//, "")
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
