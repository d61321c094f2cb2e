import { expect, test } from "vitest";
import { changedBy, changesIn, type Draft, rebased } from "./edit";

const base: Draft = { email: "ada@example.com", domain: "example.com", name: "", is_manual: true };

test("only what was changed is sent", () => {
  expect(changesIn(base, { ...base, name: "Ada" })).toEqual({ name: "Ada" });
  expect(changesIn(base, { ...base, is_manual: false })).toEqual({ is_manual: false });
  expect(changesIn(base, base)).toEqual({});
});

test("on a newer lead my changes stay mine and the rest is theirs", () => {
  const mine = { ...base, name: "Ada" };
  const theirs = { ...base, name: "Grace", domain: "example.org" };
  expect(changedBy(base, theirs)).toEqual(["domain", "name"]);
  expect(rebased(base, mine, theirs)).toEqual({ ...theirs, name: "Ada" });
});

test("a change elsewhere in the lead concerns no draft", () => {
  expect(changedBy(base, { ...base })).toEqual([]);
});
