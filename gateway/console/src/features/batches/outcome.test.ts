import { expect, test } from "vitest";
import type { ReportBatch } from "@/api/types";
import { batchLook, hasEnded, inWords } from "./outcome";

const batch = (counts: Partial<ReportBatch>) => {
  const all = { queued: 0, running: 0, completed: 0, failed: 0, cancelled: 0, ...counts };
  const size = all.queued + all.running + all.completed + all.failed + all.cancelled;
  return { ...all, size } as ReportBatch;
};

test.each([
  [{ queued: 3 }, "Queued", false],
  [{ queued: 2, completed: 1 }, "Being made", false],
  [{ running: 1, failed: 2 }, "Being made", false],
  [{ completed: 3 }, "Completed", true],
  [{ completed: 2, failed: 1 }, "Partly failed", true],
  [{ failed: 2, cancelled: 1 }, "Partly failed", true],
  [{ failed: 3 }, "Failed", true],
  [{ completed: 1, cancelled: 2 }, "Cancelled", true],
])("a batch with %j reads as %s", (counts, label, ended) => {
  expect(batchLook(batch(counts)).label).toBe(label);
  expect(hasEnded(batch(counts))).toBe(ended);
});

test("the counts are a sentence without noughts", () => {
  expect(inWords(batch({ completed: 1200, failed: 1 }))).toBe("1,200 completed, 1 failed, of 1,201");
});
