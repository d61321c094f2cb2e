import { describe, expect, test } from "vitest";
import { filterEntries, flatten, linesOf, parseLine } from "./log";

const line = (value: unknown, number = 1) => parseLine(JSON.stringify(value), number);

describe("a line", () => {
  test("is read as level, event, time and the rest", () => {
    const entry = line({
      time: "2026-03-01T12:00:00Z",
      level: "WARNING",
      event: "step.ended",
      step: "render",
    });
    expect(entry).toMatchObject({ level: "warning", event: "step.ended", fields: { step: "render" } });
    expect(entry.time?.toISOString()).toBe("2026-03-01T12:00:00.000Z");
  });

  test.each(["not json", "[1, 2]", "17", "null", '{"cut": '])(
    "that is no JSON object is kept as it is: %s",
    (text) => {
      expect(parseLine(text, 3)).toMatchObject({ line: 3, event: text, fields: undefined, time: undefined });
    },
  );

  test("with a level nobody knows counts as information", () => {
    expect(line({ level: "chatty", event: "x" }).level).toBe("info");
  });

  test("with a time that is none has no time", () => expect(line({ time: "soon" }).time).toBeUndefined());
});

describe("filtering", () => {
  const entries = [
    line({ level: "info", event: "render", page: { title: "Über uns" } }, 1),
    line({ level: "error", event: "store", reason: "disk full" }, 2),
  ];

  test("finds text anywhere in the line, in whatever case", () => {
    expect(filterEntries(entries, "ÜBER", "")).toEqual([entries[0]]);
    expect(filterEntries(entries, "DISK", "")).toEqual([entries[1]]);
  });

  test("by level and text means both", () => {
    expect(filterEntries(entries, "disk", "error")).toEqual([entries[1]]);
    expect(filterEntries(entries, "disk", "info")).toEqual([]);
  });

  test("by nothing keeps everything", () => expect(filterEntries(entries, "", "")).toBe(entries));
});

describe("flattening", () => {
  const entries = [
    line({ event: "a", lead: { domain: "example.com", tags: ["x", "y"] }, none: {} }, 1),
    line({}, 2),
  ];
  const shape = (open: string[]) =>
    flatten(entries, new Set(open)).map((row) =>
      row.kind === "entry" ? `${row.key} ${row.open}` : `${row.depth} ${row.name}=${row.value} ${row.open}`,
    );

  test("shows one row a line while all are closed", () => expect(shape([])).toEqual(["1 false", "2 false"]));

  test("shows a line's fields when it is opened, containers closed", () => {
    expect(shape(["1"])).toEqual([
      "1 true",
      '1 event="a" undefined',
      "1 lead={2 fields} false",
      "1 none={0 fields} undefined",
      "2 false",
    ]);
  });

  test("opens containers within containers", () => {
    expect(shape(["1", '1/"lead"', '1/"lead"/"tags"'])).toEqual([
      "1 true",
      '1 event="a" undefined',
      "1 lead={2 fields} true",
      '2 domain="example.com" undefined',
      "2 tags=[2 items] true",
      '3 0="x" undefined',
      '3 1="y" undefined',
      "1 none={0 fields} undefined",
      "2 false",
    ]);
  });

  test("gives every row a key of its own", () => {
    const keys = flatten(entries, new Set(["1", '1/"lead"', '1/"lead"/"tags"', "2"])).map((row) => row.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("a byte stream", () => {
  const read = async (chunks: Uint8Array<ArrayBuffer>[]) => {
    const batches: string[][] = [];
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
    for await (const batch of linesOf(stream)) batches.push(batch);
    return batches.flat();
  };
  const text = '{"a":"ä"}\n\n{"b":"🏭"}\n{"no":"newline at the end"}';
  const whole = new TextEncoder().encode(text);
  const lines = text.split("\n").filter(Boolean);

  test.each([1, 2, 3, 7, 1000])("yields the same lines in chunks of %d bytes", async (size) => {
    const chunks = [];
    for (let start = 0; start < whole.length; start += size) chunks.push(whole.slice(start, start + size));
    expect(await read(chunks)).toEqual(lines);
  });

  test("that is empty yields no line", async () => expect(await read([])).toEqual([]));
});
