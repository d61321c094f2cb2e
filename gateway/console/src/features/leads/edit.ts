import type { Lead } from "@/api/types";

/** What people may change of a lead. */
export type Draft = Pick<Lead, "email" | "domain" | "name" | "is_manual">;
export type DraftField = keyof Draft;

export const DRAFT_FIELDS: readonly DraftField[] = ["email", "domain", "name", "is_manual"];

export const draftOf = ({ email, domain, name, is_manual }: Lead): Draft => ({
  email,
  domain,
  name,
  is_manual,
});

/** What was changed in a draft of `base`, and nothing else, so that nobody's other change is undone. */
export function changesIn(base: Draft, mine: Draft): Partial<Draft> {
  return Object.fromEntries(
    DRAFT_FIELDS.filter((field) => mine[field] !== base[field]).map((field) => [field, mine[field]]),
  );
}

/** The fields that somebody else has changed since `base` was read. */
export function changedBy(base: Draft, theirs: Draft): DraftField[] {
  return DRAFT_FIELDS.filter((field) => theirs[field] !== base[field]);
}

/** My draft on top of theirs: where I changed nothing, what they say. */
export const rebased = (base: Draft, mine: Draft, theirs: Draft): Draft => ({
  ...theirs,
  ...changesIn(base, mine),
});
