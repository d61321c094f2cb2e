import { CircleCheck, CircleHelp, CirclePause, CircleX, Clock, RotateCw, TriangleAlert } from "lucide-react";
import type { WebhookDelivery, WebhookEndpoint, WebhookEvent } from "@/api/types";
import type { StatusLook } from "@/components/Status";

/** What can be asked for, in the order in which it happens. */
export const EVENTS: WebhookEvent[] = ["REPORT_COMPLETED", "REPORT_FAILED", "BATCH_ENDED"];

const WORDS: Partial<Record<WebhookEvent, string>> = {
  REPORT_COMPLETED: "Report completed",
  REPORT_FAILED: "Report failed",
  BATCH_ENDED: "Batch ended",
  TEST: "Test",
};

export const eventWords = (event: WebhookEvent): string => WORDS[event] ?? event;

/** What a webhook is called: as people do, else by where it goes. */
export function nameOf({ description, url }: Pick<WebhookEndpoint, "description" | "url">): string {
  if (description) return description;
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

export function endpointLook(endpoint: WebhookEndpoint): StatusLook {
  if (endpoint.status === "DISABLED") {
    return endpoint.disabled_reason
      ? { tone: "bad", icon: CircleX, label: "Switched off" }
      : { tone: "idle", icon: CirclePause, label: "Paused" };
  }
  return endpoint.failing_since
    ? { tone: "warn", icon: TriangleAlert, label: "Failing" }
    : { tone: "good", icon: CircleCheck, label: "Enabled" };
}

export function deliveryLook({ status, attempts }: WebhookDelivery): StatusLook {
  switch (status) {
    case "PENDING":
      return attempts === 0
        ? { tone: "warn", icon: Clock, label: "On its way" }
        : { tone: "warn", icon: RotateCw, label: "To be tried again" };
    case "DELIVERED":
      return { tone: "good", icon: CircleCheck, label: "Delivered" };
    case "FAILED":
      return { tone: "bad", icon: CircleX, label: "Given up" };
    default:
      return { tone: "idle", icon: CircleHelp, label: "Unknown" };
  }
}

/** What the receiver said to the latest attempt. */
export function answerWords({ attempts, response_status, error }: WebhookDelivery): string {
  if (attempts === 0) return "not sent yet";
  const said = response_status > 0 ? `HTTP ${response_status}` : "no answer";
  const more = error.replace(/^answered \d+(: )?/, "");
  return more ? `${said}: ${more}` : said;
}
