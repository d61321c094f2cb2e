import { expect, test } from "vitest";
import type { Reproduction } from "@/api/types";
import { type Difference, partsOf, shareWords, verdictOf } from "./verdict";

const found = (pages_compared: number, ...kinds: Difference["kind"][]) =>
  ({
    identical: kinds.length === 0,
    pages_compared,
    differences: kinds.map((kind, at) => ({ kind, name: `${kind} ${at}`, page: kind === "PAGE" ? at : 0 })),
  }) as Reproduction;

test.each([
  [found(0), "good", "Identical"],
  [found(9, "STORED_PDF", "PAGE"), "bad", "The stored PDF was damaged"],
  [found(0, "STORED_PDF"), "bad", "The stored PDF was damaged"],
  [found(0, "RECORD"), "bad", "The records disagree"],
  [found(9, "ENVIRONMENT", "PDF", "PAGE", "PAGE"), "warn", "It looks different"],
  [found(9, "ENVIRONMENT", "PDF"), "warn", "Other bytes, the same looks"],
  [found(9, "TEMPLATE", "PDF", "PAGE"), "warn", "It looks different"],
  [found(0, "ENVIRONMENT", "STORED_PDF", "PDF"), "warn", "Other bytes"],
  [found(9, "PDF", "PAGE"), "bad", "It looks different"],
  [found(9, "PDF"), "bad", "Other bytes, the same looks"],
] as const)("%j is told in a tone and in words", (each, tone, label) => {
  expect(verdictOf(each)).toMatchObject({ tone, label });
});

test("what has no good reason is said to have none, and what has one is named", () => {
  expect(verdictOf(found(9, "PDF")).meaning).toContain("no good reason");
  expect(verdictOf(found(9, "ENVIRONMENT", "PDF")).meaning).toContain("which part of the environment");
  expect(verdictOf(found(9, "TEMPLATE", "PDF", "PAGE")).meaning).toBe(
    "1 of 9 pages looks different. What makes PDFs is not what it was then: its template is another bundle.",
  );
});

test("parts are what is neither a page nor a digest of a PDF", () => {
  const all = found(9, "RECORD", "STORED_PDF", "TEMPLATE", "ENVIRONMENT", "PDF", "PAGE");
  expect(partsOf(all).map(({ kind }) => kind)).toEqual(["RECORD", "TEMPLATE", "ENVIRONMENT"]);
});

test.each([
  [0.0000001, "less than 0.1 % of its pixels"],
  [0.0312, "3.1 % of its pixels"],
  [1, "100 % of its pixels"],
])("a share of %d is %s", (share, words) => {
  expect(shareWords(share)).toBe(words);
});
