import { expect, test } from "vitest";
import type { WebhookDelivery, WebhookEndpoint } from "@/api/types";
import { answerWords, deliveryLook, endpointLook, nameOf } from "./words";

test.each([
  [{ status: "ENABLED" }, "Enabled"],
  [{ status: "ENABLED", failing_since: "2026-01-01T00:00:00Z" }, "Failing"],
  [{ status: "DISABLED", disabled_reason: "" }, "Paused"],
  [{ status: "DISABLED", disabled_reason: "It answered 410." }, "Switched off"],
])("an endpoint that is %j is %s", (endpoint, label) => {
  expect(endpointLook(endpoint as WebhookEndpoint).label).toBe(label);
});

test.each([
  [{ status: "PENDING", attempts: 0 }, "On its way", "not sent yet"],
  [
    { status: "PENDING", attempts: 2, response_status: 503, error: "answered 503: later" },
    "To be tried again",
    "HTTP 503: later",
  ],
  [{ status: "DELIVERED", attempts: 1, response_status: 204, error: "" }, "Delivered", "HTTP 204"],
  [
    { status: "FAILED", attempts: 9, response_status: 0, error: "timed out" },
    "Given up",
    "no answer: timed out",
  ],
])("a delivery that is %j is %s, and the answer was %s", (delivery, label, answer) => {
  expect(deliveryLook(delivery as WebhookDelivery).label).toBe(label);
  expect(answerWords(delivery as WebhookDelivery)).toBe(answer);
});

test.each([
  ["Billing", "https://example.org/hook", "Billing"],
  ["", "https://example.org:8443/hook?x=1", "example.org:8443"],
  ["", "no address", "no address"],
])("described as “%s” at %s it is called %s", (description, url, name) => {
  expect(nameOf({ description, url })).toBe(name);
});
