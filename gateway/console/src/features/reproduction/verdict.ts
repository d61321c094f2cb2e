import { BadgeCheck, FileQuestionMark, FileWarning, Images } from "lucide-react";
import type { Reproduction } from "@/api/types";
import type { VerdictLook } from "@/components/Verdict";
import { formatCount } from "@/format";

export type Difference = Reproduction["differences"][number];

/** The pages that look different, and how much of each. */
export const pagesOf = ({ differences }: Reproduction): Difference[] =>
  differences.filter(({ kind }) => kind === "PAGE");

/** What is other than it was beside the PDFs themselves: records, template, parts of the environment. */
export const partsOf = ({ differences }: Reproduction): Difference[] =>
  differences.filter(({ kind }) => kind === "RECORD" || kind === "TEMPLATE" || kind === "ENVIRONMENT");

/** What came of making a report again: what it is called, and what it means. */
export function verdictOf(found: Reproduction): VerdictLook {
  if (found.identical) {
    return {
      tone: "good",
      icon: BadgeCheck,
      label: "Identical",
      meaning:
        "Made again from its raw inputs, it is byte for byte the PDF that was issued, and the one that is stored.",
    };
  }
  const kinds = new Set(found.differences.map(({ kind }) => kind));
  if (!kinds.has("PDF")) {
    return {
      tone: "bad",
      icon: FileWarning,
      label: kinds.has("STORED_PDF") ? "The stored PDF was damaged" : "The records disagree",
      meaning: kinds.has("STORED_PDF")
        ? "Made again, it is the PDF that was issued. What is stored in its place is not."
        : "Made again, it is the PDF that the report names. Its lineage names another one.",
    };
  }
  // Where nothing is other than it was, the same inputs should have made the same bytes.
  const explained = kinds.has("ENVIRONMENT") || kinds.has("TEMPLATE");
  const tone = explained ? "warn" : "bad";
  const why = explained
    ? `What makes PDFs is not what it was then: ${explanation(kinds)}.`
    : "Nothing that makes PDFs is other than it was then, so there is no good reason for it.";
  const pages = pagesOf(found).length;
  if (pages > 0) {
    const compared = formatCount(found.pages_compared);
    return {
      tone,
      icon: Images,
      label: "It looks different",
      meaning: `${formatCount(pages)} of ${compared} pages ${pages === 1 ? "looks" : "look"} different. ${why}`,
    };
  }
  if (found.pages_compared > 0) {
    return {
      tone,
      icon: FileQuestionMark,
      label: "Other bytes, the same looks",
      meaning: `No page looks different, though the bytes are others. ${why}`,
    };
  }
  return {
    tone,
    icon: FileQuestionMark,
    label: "Other bytes",
    meaning: `There are no stored pages to compare it with. ${why}`,
  };
}

function explanation(kinds: ReadonlySet<Difference["kind"]>): string {
  if (!kinds.has("TEMPLATE")) return "see which part of the environment below";
  return kinds.has("ENVIRONMENT") ? "neither template nor environment" : "its template is another bundle";
}

/** A share of a page's pixels in words; what is there is never nothing. */
export function shareWords(share: number): string {
  const percent = 100 * share;
  if (percent < 0.1) return "less than 0.1 % of its pixels";
  return `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} % of its pixels`;
}
