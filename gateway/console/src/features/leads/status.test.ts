import { expect, test } from "vitest";
import type { Lead } from "@/api/types";
import { isBeingEnriched } from "./queries";
import { enrichmentLook } from "./status";

const lead = (enrichment_status: Lead["enrichment_status"], enrichment_task_id = ""): Lead => ({
  id: "0190",
  email: "ada@example.com",
  domain: "example.com",
  name: "",
  is_manual: true,
  enrichment_status,
  enrichment_task_id,
  enrichment_error: "",
  etag: "0190",
  facts: [],
  suggestions: [],
  import_id: "",
  created_by: "ada",
  merged_into: "",
});

test("a pending lead that no job was made for reads as not enriched, and is not waited for", () => {
  expect(enrichmentLook(lead("PENDING")).label).toBe("Not enriched");
  expect(isBeingEnriched(lead("PENDING"))).toBe(false);
});

test("a pending lead with a job is waited for", () => {
  expect(enrichmentLook(lead("PENDING", "job")).label).toBe("Waiting");
  expect(isBeingEnriched(lead("PENDING", "job"))).toBe(true);
});

test("a lead at work is waited for, one that ended is not", () => {
  expect(isBeingEnriched(lead("IN_PROGRESS", "job"))).toBe(true);
  expect(isBeingEnriched(lead("COMPLETED", "job"))).toBe(false);
  expect(isBeingEnriched(lead("FAILED", "job"))).toBe(false);
});

test("each state has a word of its own, so that none is told by colour alone", () => {
  const looks = [
    lead("PENDING"),
    lead("PENDING", "job"),
    lead("IN_PROGRESS"),
    lead("COMPLETED"),
    lead("FAILED"),
  ];
  expect(new Set(looks.map((each) => enrichmentLook(each).label)).size).toBe(looks.length);
  expect(new Set(looks.map((each) => enrichmentLook(each).icon)).size).toBe(looks.length);
});
