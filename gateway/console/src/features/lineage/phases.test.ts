import { expect, test } from "vitest";
import type { Lineage } from "@/api/types";
import { phasesOf } from "./phases";

const lineage = {
  pipeline_start_time: "2026-03-01T12:00:02Z",
  pipeline_end_time: "2026-03-01T12:00:05.500Z",
  pipeline_duration_seconds: 3.5,
  created_at: "2026-03-01T12:00:06Z",
} as Lineage;

test("a report waits, is made, and is recorded", () => {
  const seconds = phasesOf(lineage, "2026-03-01T12:00:00Z").map((phase) => phase.seconds);
  expect(seconds).toEqual([2, 3.5, 0.5]);
});

test("clocks that disagree make no negative time", () => {
  const seconds = phasesOf(lineage, "2026-03-01T12:00:09Z").map((phase) => phase.seconds);
  expect(seconds).toEqual([0, 3.5, 0.5]);
});

test("a moment that is not known takes no time", () => {
  expect(phasesOf(lineage, undefined)[0]?.seconds).toBe(0);
});
