import createClient from "openapi-fetch";
import { ApiError } from "./errors";
import type { paths } from "./schema";

/** The typed client: paths, parameters and bodies come from the OpenAPI document. */
export const api = createClient<paths>();

type Outcome<T> = { data?: T; error?: unknown; response: Response };

/** Awaits a call and returns its data; anything else is thrown as an ApiError. */
export async function answer<T>(call: Promise<Outcome<T>>): Promise<T> {
  const { data, error, response } = await call.catch((reason: unknown) => {
    if (reason instanceof DOMException && reason.name === "AbortError") throw reason;
    throw ApiError.unreachable();
  });
  if (!response.ok || data === undefined) throw ApiError.of(response.status, error);
  return data;
}

/** Fetches a stream that the typed client has no shape for; fails with an ApiError. */
export async function open(path: string, init?: RequestInit): Promise<Response> {
  const response = await fetch(path, init).catch((reason: unknown) => {
    if (reason instanceof DOMException && reason.name === "AbortError") throw reason;
    throw ApiError.unreachable();
  });
  if (!response.ok) throw ApiError.of(response.status, await response.json().catch(() => undefined));
  return response;
}
