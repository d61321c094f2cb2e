import {
  CircleHelp,
  Clock3,
  Download,
  Eraser,
  Eye,
  FileDiff,
  FilePlus2,
  LockKeyhole,
  LockKeyholeOpen,
  type LucideIcon,
  ScanSearch,
  ScrollText,
  Search,
  ShieldX,
  UserSearch,
} from "lucide-react";
import type { LineageAccess } from "@/api/types";
import { formatBytes } from "@/format";

type Action = LineageAccess["action"];

const WORDS: Partial<Record<Action, [label: string, icon: LucideIcon]>> = {
  VIEW: ["Lineage viewed", Eye],
  LOGS: ["Log read", ScrollText],
  DOWNLOAD: ["Raw inputs opened", Download],
  SEARCH: ["Searched", Search],
  LOOKUP: ["PDF looked up", ScanSearch],
  DIFF: ["Compared", FileDiff],
  AUDIT: ["Accesses read", UserSearch],
  DENIED: ["Denied", ShieldX],
  EXPIRE: ["Contents removed", Clock3],
  HOLD: ["Lead held", LockKeyhole],
  RELEASE: ["Lead released", LockKeyholeOpen],
  RECORD: ["Recorded", FilePlus2],
  FORGET: ["Searches forgotten", Eraser],
};

/** The kinds of entries that a lineage's own audit can hold. */
export const ACTIONS: Action[] = [
  "RECORD",
  "VIEW",
  "LOGS",
  "DOWNLOAD",
  "LOOKUP",
  "DIFF",
  "AUDIT",
  "DENIED",
  "EXPIRE",
];

export const accessWords = (action: Action): [label: string, icon: LucideIcon] =>
  WORDS[action] ?? ["Unknown", CircleHelp];

/** How a reading ended, in words; of one that never said so, just that. */
export function outcomeWords({ action, outcome, sent_bytes }: LineageAccess): string {
  const streams = action === "LOGS" || action === "DOWNLOAD";
  if (outcome === "") return streams ? "not ended, or broken off" : "";
  const sent = streams && sent_bytes > 0 ? `, ${formatBytes(sent_bytes)}` : "";
  return (outcome === "OK" ? "done" : outcome) + sent;
}
