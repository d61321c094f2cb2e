import {
  CircleCheck,
  CircleSlash,
  CircleX,
  Clock,
  LoaderCircle,
  type LucideIcon,
  TriangleAlert,
} from "lucide-react";
import type { ReportBatch } from "@/api/types";
import type { StatusLook } from "@/components/Status";
import { formatCount } from "@/format";

type Part = {
  key: "completed" | "failed" | "cancelled" | "running" | "queued";
  label: string;
  icon: LucideIcon;
};

/** The states that a batch's reports are in, from the end of the work to its beginning. */
export const PARTS: Part[] = [
  { key: "completed", label: "Completed", icon: CircleCheck },
  { key: "failed", label: "Failed", icon: CircleX },
  { key: "cancelled", label: "Cancelled", icon: CircleSlash },
  { key: "running", label: "Being made", icon: LoaderCircle },
  { key: "queued", label: "Queued", icon: Clock },
];

export const hasEnded = (batch: ReportBatch): boolean => batch.queued + batch.running === 0;

/** What has become of a batch, in a word. */
export function batchLook(batch: ReportBatch): StatusLook {
  if (!hasEnded(batch)) {
    return batch.queued === batch.size
      ? { tone: "warn", icon: Clock, label: "Queued" }
      : { tone: "busy", icon: LoaderCircle, label: "Being made" };
  }
  if (batch.completed === batch.size) return { tone: "good", icon: CircleCheck, label: "Completed" };
  if (batch.failed === batch.size) return { tone: "bad", icon: CircleX, label: "Failed" };
  if (batch.failed > 0) return { tone: "warn", icon: TriangleAlert, label: "Partly failed" };
  return { tone: "idle", icon: CircleSlash, label: "Cancelled" };
}

/** The counts that are not nought, as a sentence. */
export function inWords(batch: ReportBatch): string {
  const said = PARTS.filter(({ key }) => batch[key] > 0).map(
    ({ key, label }) => `${formatCount(batch[key])} ${label.toLowerCase()}`,
  );
  return `${said.join(", ")}, of ${formatCount(batch.size)}`;
}
