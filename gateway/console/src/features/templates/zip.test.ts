import { expect, test } from "vitest";
import { readZip } from "./zip";

type Packed = [name: string, content: string, method: 0 | 8 | 99];

const bytes = (text: string) => new TextEncoder().encode(text);

async function deflate(content: string): Promise<Uint8Array> {
  const packed = new Blob([content]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

/** A record of so many bytes: signature, then 16-bit numbers at their places, then 32-bit ones. */
function record(
  size: number,
  signature: number,
  short: [number, number][],
  long: [number, number][],
): Uint8Array {
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, signature, true);
  for (const [at, value] of short) view.setUint16(at, value, true);
  for (const [at, value] of long) view.setUint32(at, value, true);
  return new Uint8Array(view.buffer);
}

/** An archive as the server makes it. */
async function zip(files: Packed[], comment = ""): Promise<Uint8Array<ArrayBuffer>> {
  const [local, central]: [Uint8Array[], Uint8Array[]] = [[], []];
  let offset = 0;
  for (const [name, content, method] of files) {
    const packed = method === 8 ? await deflate(content) : bytes(content);
    // The local header may have an extra field that the central one has not.
    const header = record(
      30,
      0x04034b50,
      [
        [26, name.length],
        [28, 3],
      ],
      [],
    );
    local.push(header, bytes(`${name}abc`), packed);
    const sizes: [number, number][] = [
      [20, packed.length],
      [42, offset],
    ];
    central.push(
      record(
        46,
        0x02014b50,
        [
          [10, method],
          [28, name.length],
        ],
        sizes,
      ),
      bytes(name),
    );
    offset += header.length + name.length + 3 + packed.length;
  }
  const end = record(
    22,
    0x06054b50,
    [
      [10, files.length],
      [20, comment.length],
    ],
    [[16, offset]],
  );
  const whole = new Blob([...local, ...central, end, comment] as BlobPart[]);
  return new Uint8Array(await whole.arrayBuffer());
}

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

test("stored and deflated files come back by name", async () => {
  const long = "a sentence that packs well; ".repeat(1000);
  const files = await readZip(
    await zip(
      [
        ["strings/", "", 0],
        ["strings/en.json", "{}", 0],
        ["report.html.j2", long, 8],
      ],
      "made here",
    ),
  );
  expect([...files.keys()]).toEqual(["strings/en.json", "report.html.j2"]);
  expect(text(files.get("strings/en.json"))).toBe("{}");
  expect(text(files.get("report.html.j2"))).toBe(long);
  expect(await readZip(await zip([]))).toEqual(new Map());
});

test("what is no such archive is refused", async () => {
  await expect(readZip(new Uint8Array(100))).rejects.toThrow("no ZIP archive");
  await expect(readZip(new Uint8Array(0))).rejects.toThrow("no ZIP archive");
  await expect(readZip(await zip([["a", "b", 99]]))).rejects.toThrow("99");
  const damaged = await zip([["a", "b", 0]]);
  damaged[35] = 0;
  await expect(readZip(damaged)).rejects.toThrow("damaged");
});
