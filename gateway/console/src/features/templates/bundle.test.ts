import { expect, test } from "vitest";
import { guess, lineKind, matching, readJson, stringTable } from "./bundle";

const files = new Map(
  Object.entries({
    "report.html.j2": "<h1>",
    "schema.json": '{"type":"object"}',
    "strings/de.json": '{"title":"Bericht","only.here":"Nur hier"}',
    "strings/en.json": '{"months":["January","February"],"title":"Report"}',
  }).map(([name, text]) => [name, new TextEncoder().encode(text)]),
);

test("strings stand side by side, English first, and what is missing is missing", () => {
  expect(stringTable(files)).toEqual({
    locales: ["en", "de"],
    rows: [
      { key: "months", values: ["January, February", undefined] },
      { key: "title", values: ["Report", "Bericht"] },
      { key: "only.here", values: [undefined, "Nur hier"] },
    ],
  });
});

test("strings are found by key and by any language", () => {
  const { rows } = stringTable(files);
  expect(matching(rows, "BERICHT").map(({ key }) => key)).toEqual(["title"]);
  expect(matching(rows, "only").map(({ key }) => key)).toEqual(["only.here"]);
  expect(matching(rows, " ")).toHaveLength(3);
});

test("a file that is not there is undefined", () => {
  expect(readJson(files, "schema.json")).toEqual({ type: "object" });
  expect(readJson(files, "sample.json")).toBeUndefined();
});

test.each([
  ["letter-1.2.0.zip", { name: "letter", version: "1.2.0" }],
  ["Website Audit v10.0.3.ZIP", { name: "website_audit", version: "10.0.3" }],
  ["2nd_try.zip", { name: "nd_try", version: "" }],
  ["letter@1.0.0.zip", { name: "letter", version: "1.0.0" }],
])("%s is taken for %j", (filename, expected) => {
  expect(guess(filename)).toEqual(expected);
});

test("lines of a difference are told apart by how they begin", () => {
  expect(["--- a/x", "+++ b/x", "@@ -1 +1 @@", "-old", "+new", " same", ""].map(lineKind)).toEqual([
    "place",
    "place",
    "place",
    "removed",
    "added",
    "same",
    "same",
  ]);
});
