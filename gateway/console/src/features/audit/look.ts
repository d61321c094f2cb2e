import {
  ArchiveRestore,
  CircleHelp,
  CircleX,
  Eraser,
  Eye,
  FilePlus,
  FolderInput,
  FolderOutput,
  Milestone,
  PencilLine,
  ShieldX,
  Trash2,
  Undo2,
} from "lucide-react";
import type { AuditEntry } from "@/api/types";
import type { StatusLook } from "@/components/Status";

type Action = AuditEntry["action"];

const LOOKS: Partial<Record<Action, StatusLook>> = {
  BASELINE: { tone: "idle", icon: Milestone, label: "Audit began" },
  CREATE: { tone: "good", icon: FilePlus, label: "Created" },
  UPDATE: { tone: "busy", icon: PencilLine, label: "Changed" },
  DELETE: { tone: "warn", icon: Trash2, label: "Deleted" },
  UNDELETE: { tone: "good", icon: ArchiveRestore, label: "Brought back" },
  READ: { tone: "idle", icon: Eye, label: "Audit read" },
  DENIED: { tone: "bad", icon: ShieldX, label: "Denied" },
  FAILED: { tone: "warn", icon: CircleX, label: "Failed" },
  ERASE: { tone: "bad", icon: Eraser, label: "Erased" },
  EXPORT: { tone: "idle", icon: FolderOutput, label: "Exported" },
  IMPORT: { tone: "idle", icon: FolderInput, label: "Imported" },
  UNDO: { tone: "idle", icon: Undo2, label: "Import undone" },
};

/** The kinds of entries that a lead's own trail can hold, in the order in which a person would seek them. */
export const ACTIONS: Action[] = [
  "CREATE",
  "UPDATE",
  "DELETE",
  "UNDELETE",
  "DENIED",
  "FAILED",
  "READ",
  "ERASE",
  "BASELINE",
];

export const actionLook = (action: Action): StatusLook =>
  LOOKS[action] ?? { tone: "idle", icon: CircleHelp, label: "Unknown" };
