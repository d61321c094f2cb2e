import type { Report } from "@/api/types";

/** The reports that one can be compared with: earlier ones first, the nearest of them foremost, then later ones. */
export function byNearness(report: Report, reports: Report[]): Report[] {
  const at = (each: Report) => Date.parse(each.created_at ?? "");
  const others = reports.filter(
    ({ id, lineage_status }) => id !== report.id && lineage_status === "RECORDED",
  );
  const earlier = others.filter((each) => at(each) < at(report)).sort((one, other) => at(other) - at(one));
  const later = others.filter((each) => at(each) >= at(report)).sort((one, other) => at(one) - at(other));
  return [...earlier, ...later];
}
