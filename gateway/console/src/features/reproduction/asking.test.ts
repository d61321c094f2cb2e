import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "@/api/errors";
import { reproduce } from "./asking";

const ask = vi.hoisted(() => vi.fn());
vi.mock("@/api/client", () => ({ api: { POST: ask }, answer: (call: unknown) => call }));

const SOON = 5000;
const later = (reason: string) =>
  Promise.reject(new ApiError(503, "UNAVAILABLE", "Not yet.", [], reason, new Date(Date.now() + SOON)));

let waited: string[];
let abort: AbortController;
const begin = () => reproduce("id", { signal: abort.signal, waiting: (what) => waited.push(what) });

beforeEach(() => {
  vi.useFakeTimers();
  ask.mockReset();
  waited = [];
  abort = new AbortController();
});

afterEach(() => vi.useRealTimers());

test("what takes longer than a call is asked for again, when the server says so", async () => {
  ask
    .mockImplementationOnce(() => later("REPRODUCTIONS_BUSY"))
    .mockImplementationOnce(() => later("REPRODUCTION_RUNNING"))
    .mockResolvedValueOnce({ identical: true });
  const outcome = begin();
  await vi.advanceTimersByTimeAsync(SOON - 1);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(SOON + 1);
  await expect(outcome).resolves.toEqual({ identical: true });
  expect(waited).toEqual(["Waiting for its turn", "Rendering it"]);
});

test("a refusal is final", async () => {
  ask.mockImplementation(() => later("INPUTS_REMOVED"));
  await expect(begin()).rejects.toMatchObject({ reason: "INPUTS_REMOVED" });
  expect(ask).toHaveBeenCalledTimes(1);
});

test("nobody waits for ever", async () => {
  ask.mockImplementation(() => later("REPRODUCTIONS_BUSY"));
  const outcome = expect(begin()).rejects.toMatchObject({ reason: "REPRODUCTIONS_BUSY" });
  await vi.advanceTimersByTimeAsync(600_000);
  await outcome;
});

test("whoever leaves asks no more", async () => {
  ask.mockImplementation(() => later("REPRODUCTION_RUNNING"));
  const outcome = expect(begin()).rejects.toMatchObject({ name: "AbortError" });
  await vi.advanceTimersByTimeAsync(1);
  abort.abort();
  await outcome;
  await vi.advanceTimersByTimeAsync(600_000);
  expect(ask).toHaveBeenCalledTimes(1);
});
