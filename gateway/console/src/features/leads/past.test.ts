import { expect, test } from "vitest";
import type { Lead } from "@/api/types";
import { differing } from "./past";

const lead = { email: "ada@example.com", name: "Ada", is_manual: true, etag: "1" } as Lead;

test("what differs is named in the order of the screen, and bookkeeping is no difference", () => {
  const now = { ...lead, name: "Ada L.", delete_time: "2026-01-01T00:00:00Z", etag: "2", updated_at: "2026" };
  expect(differing(lead, now)).toEqual(["name", "delete_time"]);
});

test("a field that is absent is as good as empty", () => {
  expect(differing(lead, { ...lead, merged_into: "" })).toEqual([]);
});
