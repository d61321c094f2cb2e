import { BadgeCheck, FileQuestionMark, FileWarning } from "lucide-react";
import type { LookupResult } from "@/api/types";
import type { VerdictLook } from "@/components/Verdict";

/** What a verdict is called and what it means, for a file or for a digest alone. */
export function verdictOf({ verdict }: LookupResult, ofFile: boolean): VerdictLook {
  switch (verdict) {
    case "GENUINE":
      return {
        tone: "good",
        icon: BadgeCheck,
        label: "Genuine",
        meaning: "Byte for byte the PDF that was issued here. Nothing in it was changed.",
      };
    case "ALTERED":
      return {
        tone: "bad",
        icon: FileWarning,
        label: "Altered",
        meaning:
          "It names a report that was issued here, and its bytes are no longer those that were. Do not rely on what it says: compare it with the PDF as issued.",
      };
    default:
      return {
        tone: "idle",
        icon: FileQuestionMark,
        label: "Unknown",
        meaning: ofFile
          ? "Nothing in it leads to a report that was issued here."
          : "No PDF with this SHA-256 was issued here. Of a digest no more can be said: if you have the file, look up the file, which may be an altered copy.",
      };
  }
}

const EVIDENCE: Partial<Record<LookupResult["evidence"], string>> = {
  SHA256: "the SHA-256 of all its bytes",
  XMP: "the lineage ID in its metadata",
  PDF_IDENTIFIER: "its PDF identifier",
};

/** What led to the lineage, in words. */
export const evidenceWords = (evidence: LookupResult["evidence"]): string | undefined => EVIDENCE[evidence];
