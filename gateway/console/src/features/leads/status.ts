import {
  Ban,
  CircleCheck,
  CircleDashed,
  CircleHelp,
  CircleX,
  Clock,
  LoaderCircle,
  SearchX,
  Unplug,
} from "lucide-react";
import type { Fact, Lead } from "@/api/types";
import type { StatusLook } from "@/components/Status";
import { isBeingEnriched } from "./queries";

/** How a lead's enrichment reads. A PENDING lead that no job was made for was never asked to be enriched. */
export function enrichmentLook(lead: Lead): StatusLook {
  switch (lead.enrichment_status) {
    case "PENDING":
      return isBeingEnriched(lead)
        ? { tone: "warn", icon: Clock, label: "Waiting" }
        : { tone: "idle", icon: CircleDashed, label: "Not enriched" };
    case "IN_PROGRESS":
      return { tone: "busy", icon: LoaderCircle, label: "Looking up" };
    case "COMPLETED":
      return { tone: "good", icon: CircleCheck, label: "Enriched" };
    case "FAILED":
      return { tone: "bad", icon: CircleX, label: "Failed" };
    default:
      return { tone: "idle", icon: CircleHelp, label: "Unknown" };
  }
}

/** How an answer that is not "found" reads. */
export function factLook(state: Fact["state"]): StatusLook {
  switch (state) {
    case "FOUND":
      return { tone: "good", icon: CircleCheck, label: "Found" };
    case "NOT_FOUND":
      return { tone: "idle", icon: SearchX, label: "Not found" };
    case "UNREACHABLE":
      return { tone: "warn", icon: Unplug, label: "Unreachable" };
    case "REFUSED":
      return { tone: "warn", icon: Ban, label: "Refused" };
    case "ERROR":
      return { tone: "bad", icon: CircleX, label: "Not understood" };
    default:
      return { tone: "idle", icon: CircleHelp, label: "Unknown" };
  }
}
