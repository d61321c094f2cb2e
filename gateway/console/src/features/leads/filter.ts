import type { EnrichmentStatus } from "@/api/types";
import type { LeadFilter } from "./queries";

const STATUSES: EnrichmentStatus[] = ["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED"];

// The API takes no longer text.
export const LONGEST_SEARCH = 200;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Reads the filter from the address; what is not a filter's value is as good as absent. */
export function readFilter(search: URLSearchParams): LeadFilter {
  const manual = search.get("is_manual");
  const status = STATUSES.find((each) => each === search.get("enrichment_status"));
  const importId = search.get("import_id") ?? "";
  const q = (search.get("q") ?? "").trim().slice(0, LONGEST_SEARCH);
  return {
    ...(q ? { q } : {}),
    ...(UUID.test(importId) ? { import_id: importId } : {}),
    ...(manual === "true" || manual === "false" ? { is_manual: manual === "true" } : {}),
    ...(status ? { enrichment_status: status } : {}),
  };
}

/** Puts one filter into the address, or takes it out if `value` is empty; the rest stays. */
export function withFilter(search: URLSearchParams, key: keyof LeadFilter, value: string): URLSearchParams {
  const changed = new URLSearchParams(search);
  if (value) changed.set(key, value);
  else changed.delete(key);
  return changed;
}
