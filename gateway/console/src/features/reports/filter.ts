import type { Report } from "@/api/types";

/** What a list of reports can be narrowed to; an absent key means all. */
export type ReportFilter = { lead_id?: string; batch_id?: string; status?: Report["status"] };

const STATUSES: Report["status"][] = ["QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Reads the filter from the address; what is not a filter's value is as good as absent. */
export function readFilter(search: URLSearchParams): ReportFilter {
  const status = STATUSES.find((each) => each === search.get("status"));
  const named = (key: "lead_id" | "batch_id") => {
    const id = search.get(key) ?? "";
    return UUID.test(id) ? { [key]: id } : {};
  };
  return { ...named("lead_id"), ...named("batch_id"), ...(status ? { status } : {}) };
}
