import { expect, test } from "vitest";
import type { LineageAccess } from "@/api/types";
import { outcomeWords } from "./access";

const access = (more: Partial<LineageAccess>) =>
  ({ action: "VIEW", sent_bytes: 0, ...more }) as LineageAccess;

test("a download says how much left, and one that broke off says so", () => {
  expect(outcomeWords(access({ action: "DOWNLOAD", outcome: "OK", sent_bytes: 1500 }))).toBe("done, 1.5 kB");
  expect(outcomeWords(access({ action: "LOGS", outcome: "CANCELLED", sent_bytes: 10 }))).toBe(
    "CANCELLED, 10 B",
  );
  expect(outcomeWords(access({ action: "LOGS", outcome: "" }))).toContain("broken off");
  expect(outcomeWords(access({ outcome: "OK" }))).toBe("done");
});
