import { expect, test } from "vitest";
import { ApiError, violationOf } from "./errors";

const refusal = {
  error: {
    code: 400,
    status: "INVALID_ARGUMENT",
    message: "email: not an address",
    details: [
      { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "INVALID", domain: "leadfactory" },
      {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        field_violations: [
          { field: "email", description: "This is not an address.", reason: "INVALID" },
          { field: "domain", description: "This is not a host name.", reason: "INVALID" },
        ],
      },
    ],
  },
};

test("a refusal names each field that is wrong", () => {
  const error = ApiError.of(400, refusal);
  expect(error.status).toBe("INVALID_ARGUMENT");
  expect(violationOf(error, "email")).toBe("This is not an address.");
  expect(violationOf(error, "domain")).toBe("This is not a host name.");
  expect(violationOf(error, "name")).toBeUndefined();
});

test.each([
  [502, "<html>Bad gateway</html>"],
  [500, undefined],
  [503, {}],
])("an answer %d that is not of the API still has a message", (code, body) => {
  expect(ApiError.of(code, body).message).toBe(`The server answered ${code}.`);
});

test("only what may pass is worth trying again", () => {
  expect(ApiError.unreachable().passing).toBe(true);
  expect(ApiError.of(503, {}).passing).toBe(true);
  expect(ApiError.of(429, {}).passing).toBe(true);
  expect(ApiError.of(404, {}).passing).toBe(false);
});

test("an error of another kind names no field", () => {
  expect(violationOf(new Error("no"), "email")).toBeUndefined();
  expect(violationOf(null, "email")).toBeUndefined();
});

test("a full queue says why, and when to try again", () => {
  const details = [
    { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "REPORT_QUEUE_FULL" },
    { "@type": "type.googleapis.com/google.rpc.RetryInfo", retry_delay: "60.5s" },
  ];
  const error = ApiError.of(429, { error: { code: 429, status: "RESOURCE_EXHAUSTED", details } });
  expect(error.reason).toBe("REPORT_QUEUE_FULL");
  expect((error.retryAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(59_000);
  expect(ApiError.of(400, refusal).retryAt).toBeUndefined();
});
