import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Watch } from "./watch";

class Source {
  closed = false;
  onmessage: ((event: { data: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) {}
  close(): void {
    this.closed = true;
  }
  say(token: string): void {
    this.onmessage?.({ data: JSON.stringify({ resume_token: token }) });
  }
}

const page = Object.assign(new EventTarget(), { hidden: false });
let sources: Source[];
let heard: string[];
let watch: Watch<{ resume_token: string }>;

const newest = () => sources[sources.length - 1] as Source;

function hide(hidden: boolean): void {
  page.hidden = hidden;
  page.dispatchEvent(new Event("visibilitychange"));
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", page);
  page.hidden = false;
  sources = [];
  heard = [];
  watch = new Watch(
    "/watch",
    {
      onMessage: ({ resume_token }) => heard.push(resume_token),
      onState: (state) => heard.push(state),
      onGap: () => heard.push("gap"),
    },
    (url) => {
      sources.push(new Source(url));
      return newest() as unknown as EventSource;
    },
  );
  watch.start();
});

afterEach(() => {
  watch.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the first message of a watch that begins tells of a gap before it", () => {
  newest().say("a");
  newest().say("b");
  expect(heard).toEqual(["live", "gap", "a", "b"]);
  expect(newest().url).toBe("/watch");
});

test("a stream that ends is resumed behind the last message, and nobody is told", () => {
  newest().say("a");
  newest().onerror?.();
  vi.advanceTimersByTime(1000);
  expect(newest().url).toBe("/watch?resume_token=a");
  newest().say("b");
  expect(heard).toEqual(["live", "gap", "a", "live", "b"]);
});

test("a server that stays away is told of once it does, and asked less and less often", () => {
  newest().say("a");
  newest().onerror?.();
  vi.advanceTimersByTime(1000);
  newest().onerror?.();
  expect(heard).not.toContain("lost");
  vi.advanceTimersByTime(2000);
  newest().onerror?.();
  expect(heard).toContain("lost");
  for (let minute = 0; minute < 5; minute += 1) {
    vi.advanceTimersByTime(60_000);
    newest().onerror?.();
  }
  expect(sources.length).toBeLessThan(60);
  // By now the token itself is suspect.
  vi.advanceTimersByTime(60_000);
  expect(newest().url).toBe("/watch");
  newest().say("z");
  expect(heard.slice(-3)).toEqual(["live", "gap", "z"]);
});

test("a silent connection is dead", () => {
  newest().say("a");
  const dead = newest();
  vi.advanceTimersByTime(60_000);
  expect(dead.closed).toBe(true);
  expect(sources.length).toBeGreaterThan(1);
});

test("a hidden page listens to nothing, and catches up when it is shown", () => {
  newest().say("a");
  hide(true);
  expect(newest().closed).toBe(true);
  vi.advanceTimersByTime(100_000);
  expect(sources.length).toBe(1);
  hide(false);
  expect(newest().url).toBe("/watch?resume_token=a");
  hide(true);
  vi.advanceTimersByTime(400_000);
  hide(false);
  expect(newest().url).toBe("/watch");
});

test("a watch that was stopped is over", () => {
  watch.stop();
  hide(false);
  vi.advanceTimersByTime(100_000);
  expect(sources.length).toBe(1);
  expect(newest().closed).toBe(true);
});

test("a stream without tokens begins anew each time", () => {
  newest().onmessage?.({ data: '{"progress":50}' });
  newest().onerror?.();
  vi.advanceTimersByTime(2000);
  expect(sources.map(({ url }) => url)).toEqual(["/watch", "/watch"]);
});
