import type { Lead } from "@/api/types";

export const FIELDS = ["email", "domain", "name", "is_manual"] as const;
export type Field = (typeof FIELDS)[number];
export type Side = "MINE" | "THEIRS";
export type Choices = Record<Field, Side>;

export const LABELS: Record<Field, string> = {
  email: "E-mail",
  domain: "Domain",
  name: "Name",
  is_manual: "Origin",
};

/** What a field says to a person. */
export function shownAs(lead: Lead, field: Field): string {
  if (field === "is_manual") return lead.is_manual ? "Added by hand" : "Imported";
  return lead[field] || "–";
}

/** The choices to begin with: what this lead says, and where it says nothing, what the other one does. */
export function firstChoices(lead: Lead, other: Lead): Choices {
  return {
    email: "MINE",
    domain: "MINE",
    name: lead.name || !other.name ? "MINE" : "THEIRS",
    is_manual: "MINE",
  };
}
