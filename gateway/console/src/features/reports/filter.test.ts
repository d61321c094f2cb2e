import { expect, test } from "vitest";
import { readFilter } from "./filter";

const LEAD = "01890000-0000-7000-8000-000000000001";

test.each([
  ["", {}],
  ["status=FAILED", { status: "FAILED" }],
  [`status=RUNNING&lead_id=${LEAD}`, { status: "RUNNING", lead_id: LEAD }],
  [`batch_id=${LEAD}`, { batch_id: LEAD }],
  ["status=BROKEN&lead_id=7&batch_id=&page=2", {}],
])("the address ?%s narrows the list to %j", (search, expected) => {
  expect(readFilter(new URLSearchParams(search))).toEqual(expected);
});
