import { expect, test } from "vitest";
import { readFilter, withFilter } from "./filter";

test("the address holds the whole filter", () => {
  const search = new URLSearchParams("q=+acme&is_manual=false&enrichment_status=FAILED");
  expect(readFilter(search)).toEqual({ q: "acme", is_manual: false, enrichment_status: "FAILED" });
});

test("an empty address filters nothing", () => expect(readFilter(new URLSearchParams())).toEqual({}));

test("a search for nothing is none, and no search is longer than the API takes", () => {
  expect(readFilter(new URLSearchParams("q=++"))).toEqual({});
  expect(readFilter(new URLSearchParams({ q: "x".repeat(300) })).q).toHaveLength(200);
});

test("what is no value of a filter is not sent to the server", () => {
  const search = new URLSearchParams("is_manual=perhaps&enrichment_status=ENRICHMENT_STATUS_UNSPECIFIED");
  expect(readFilter(search)).toEqual({});
});

test("changing one filter leaves the other and the original alone", () => {
  const search = new URLSearchParams("is_manual=true&enrichment_status=PENDING");
  expect(withFilter(search, "is_manual", "").toString()).toBe("enrichment_status=PENDING");
  expect(withFilter(search, "is_manual", "false").get("is_manual")).toBe("false");
  expect(search.get("is_manual")).toBe("true");
});
