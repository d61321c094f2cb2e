import type { LineageDiff, Report } from "@/api/types";

/** The earlier report first, whichever of them was chosen. */
export function inOrder(one: Report, other: Report): [earlier: Report, later: Report] {
  return Date.parse(one.created_at ?? "") <= Date.parse(other.created_at ?? "") ? [one, other] : [other, one];
}

type Change = LineageDiff["changes"][number];

/** The changes of `kind` (any if empty) whose place contains `needle`, in whatever case. */
export function filterChanges(changes: Change[], needle: string, kind: Change["kind"] | ""): Change[] {
  const sought = needle.trim().toLowerCase();
  return changes.filter(
    (change) => (!kind || change.kind === kind) && change.path.toLowerCase().includes(sought),
  );
}
