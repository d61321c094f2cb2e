import { Archive, CircleCheck, CircleHelp, PencilRuler } from "lucide-react";
import type { TemplateVersion } from "@/api/types";
import type { StatusLook } from "@/components/Status";

export function templateLook(status: TemplateVersion["status"]): StatusLook {
  switch (status) {
    case "DRAFT":
      return { tone: "warn", icon: PencilRuler, label: "Draft" };
    case "PUBLISHED":
      return { tone: "good", icon: CircleCheck, label: "Published" };
    case "RETIRED":
      return { tone: "idle", icon: Archive, label: "Retired" };
    default:
      return { tone: "idle", icon: CircleHelp, label: "Unknown" };
  }
}
