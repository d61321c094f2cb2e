import { expect, test } from "vitest";
import { digestIn, LARGEST, refusalOf, sha256Of } from "./pdf";

const DIGEST = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

test("the digest is that of the bytes", async () => {
  expect(await sha256Of(new Blob(["abc"]))).toBe(DIGEST);
});

test("a digest is found in what people paste", () => {
  expect(digestIn(` ${DIGEST.toUpperCase()}\n`)).toBe(DIGEST);
  expect(digestIn(`${DIGEST}  report.pdf`)).toBe(DIGEST);
  expect(digestIn(`sha256:${DIGEST}`)).toBe(DIGEST);
  expect(digestIn(`${DIGEST}0`)).toBeUndefined();
  expect(digestIn(DIGEST.slice(1))).toBeUndefined();
  expect(digestIn("")).toBeUndefined();
});

test("what cannot be a PDF is told before it is sent", async () => {
  expect(await refusalOf(new Blob(["%PDF-1.7 and so on"]))).toBeUndefined();
  expect(await refusalOf(new Blob(["some mail header\n", "%PDF-1.7"]))).toBeUndefined();
  expect(await refusalOf(new Blob([]))).toContain("empty");
  expect(await refusalOf(new Blob(["PK"]))).toContain("not a PDF");
  const large = { size: LARGEST + 1, slice: () => new Blob(["%PDF-1.7"]) } as unknown as Blob;
  expect(await refusalOf(large)).toContain("67 MB");
});
