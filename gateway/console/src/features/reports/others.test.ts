import { expect, test } from "vitest";
import type { Report } from "@/api/types";
import { byNearness } from "./others";

const report = (day: number, lineage_status = "RECORDED") =>
  ({ id: String(day), created_at: `2026-01-0${day}T00:00:00Z`, lineage_status }) as Report;

test("earlier reports come first, the nearest foremost, and those without lineage not at all", () => {
  const all = [report(1), report(2), report(3), report(4), report(5), report(6, "PENDING")];
  expect(byNearness(report(3), all).map(({ id }) => id)).toEqual(["2", "1", "4", "5"]);
});
