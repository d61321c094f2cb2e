import { expect, test } from "vitest";
import { barLength, onDisk } from "./storage";

const share = (bytes: number) => ({ name: "x", records: 1, bytes });

test("the longest bar is whole, and what is there can be seen", () => {
  const shares = [share(1000), share(500), share(1), share(0)];
  expect(shares.map((each) => barLength(each, shares))).toEqual([100, 50, 1, 0]);
  expect(barLength(share(0), [share(0)])).toBe(0);
});

test("what is on disk is the sum of its kinds", () => {
  expect(onDisk({ disk: [share(7), share(35)] })).toBe(42);
  expect(onDisk({ disk: [] })).toBe(0);
});
