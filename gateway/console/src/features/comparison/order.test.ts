import { expect, test } from "vitest";
import type { Report } from "@/api/types";
import { filterChanges, inOrder } from "./order";

const report = (id: string, created_at: string) => ({ id, created_at }) as Report;

test("the earlier report comes first", () => {
  const [old, young] = [report("a", "2026-01-01T00:00:00Z"), report("b", "2026-01-02T00:00:00Z")];
  expect(inOrder(young, old)).toEqual([old, young]);
  expect(inOrder(old, young)).toEqual([old, young]);
});

test("changes are found by their place and their kind", () => {
  const changes = [
    { kind: "ADDED" as const, path: "$['lead']['name']", a: "", b: '"Ada"' },
    { kind: "CHANGED" as const, path: "$['enrichment'][0]", a: "1", b: "2" },
  ];
  expect(filterChanges(changes, "LEAD", "")).toEqual([changes[0]]);
  expect(filterChanges(changes, "", "CHANGED")).toEqual([changes[1]]);
  expect(filterChanges(changes, "lead", "CHANGED")).toEqual([]);
  expect(filterChanges(changes, " ", "")).toEqual(changes);
});
