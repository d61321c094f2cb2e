import { describe, expect, test } from "vitest";
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatLanguage,
  formatMonth,
  formatWords,
} from "./format";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [9_949, "9.9 kB"],
  [12_345, "12 kB"],
  [999_499, "999 kB"],
  [999_500, "1.0 MB"],
  [2_097_152, "2.1 MB"],
  [1_999_999_999_999, "2000 GB"],
])("%d bytes read as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test.each([
  [0, "0 ms"],
  [0.0416, "42 ms"],
  [1, "1.00 s"],
  [3.214, "3.21 s"],
  [42.06, "42.1 s"],
  [59.96, "1 min 0 s"],
  [125, "2 min 5 s"],
  [3_725, "1 h 2 min"],
])("%d seconds read as %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));

describe("a distance in time", () => {
  const now = new Date("2026-03-01T12:00:00Z");
  test.each([
    ["2026-03-01T11:59:58Z", "just now"],
    ["2026-03-01T12:00:05Z", "just now"],
    ["2026-03-01T11:59:15Z", "45 seconds ago"],
    ["2026-03-01T11:57:30Z", "2 minutes ago"],
    ["2026-03-01T09:00:00Z", "3 hours ago"],
    ["2026-02-28T11:00:00Z", "yesterday"],
    ["2026-02-15T12:00:00Z", "2 weeks ago"],
    ["2024-02-01T12:00:00Z", "2 years ago"],
  ])("%s reads as %s", (moment, text) => expect(formatAgo(new Date(moment), now)).toBe(text));
});

test("large counts are grouped", () => expect(formatCount(1_234_567)).toBe("1,234,567"));

test("a name becomes words", () => expect(formatWords("render_pages")).toBe("Render pages"));

test.each([
  ["2026-11", "November 2026"],
  ["unknown", "unknown"],
])("the month %s reads as %s", (name, text) => expect(formatMonth(name)).toBe(text));

test.each([
  ["de", "German"],
  ["en-GB", "British English"],
  ["not a tag", "not a tag"],
])("the tag %s is the language %s", (tag, text) => expect(formatLanguage(tag)).toBe(text));
