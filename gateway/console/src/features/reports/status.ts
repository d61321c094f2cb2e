import { CircleCheck, CircleHelp, CircleSlash, CircleX, Clock, LoaderCircle } from "lucide-react";
import type { Report } from "@/api/types";
import type { StatusLook } from "@/components/Status";
import { formatWords } from "@/format";

const STEPS: Record<string, string> = {
  lead: "Reading the lead",
  assess: "Scoring",
  render: "Rendering",
  store: "Storing",
};

/** What is being done, in words; a step this console does not know is shown by its name. */
export const stepWords = (step: string): string => STEPS[step] ?? formatWords(step);

export function reportLook(status: Report["status"]): StatusLook {
  switch (status) {
    case "QUEUED":
      return { tone: "warn", icon: Clock, label: "Queued" };
    case "RUNNING":
      return { tone: "busy", icon: LoaderCircle, label: "Being made" };
    case "COMPLETED":
      return { tone: "good", icon: CircleCheck, label: "Completed" };
    case "FAILED":
      return { tone: "bad", icon: CircleX, label: "Failed" };
    case "CANCELLED":
      return { tone: "idle", icon: CircleSlash, label: "Cancelled" };
    default:
      return { tone: "idle", icon: CircleHelp, label: "Unknown" };
  }
}
