/** What a failed call said, as the API prints it (AIP-193). */
export type FieldViolation = { field: string; description: string };

type ErrorBody = {
  error?: { code?: number; status?: string; message?: string; details?: { [key: string]: unknown }[] };
};

/** A call that failed: `status` is the canonical gRPC name, `message` is fit to be shown. */
export class ApiError extends Error {
  constructor(
    readonly code: number,
    readonly status: string,
    message: string,
    readonly violations: FieldViolation[] = [],
    /** Why, as a constant, such as REPORT_QUEUE_FULL. */
    readonly reason = "",
    /** When to try again, where the server says so. */
    readonly retryAt?: Date,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** True where the same call may succeed a moment later. */
  get passing(): boolean {
    return this.code === 0 || this.code === 429 || this.code >= 500;
  }

  static unreachable(): ApiError {
    return new ApiError(0, "UNAVAILABLE", "LeadFactory cannot be reached. Is it running?");
  }

  static of(code: number, body: unknown): ApiError {
    const error = (body as ErrorBody | undefined)?.error;
    const details = (type: string) =>
      (error?.details ?? []).filter((detail) => String(detail["@type"]).endsWith(`google.rpc.${type}`));
    const violations = details("BadRequest").flatMap(
      (detail) => (detail.field_violations ?? detail.fieldViolations ?? []) as FieldViolation[],
    );
    // A duration in JSON is seconds with an "s" behind them.
    const pause = Number.parseFloat(String(details("RetryInfo")[0]?.retry_delay));
    return new ApiError(
      code,
      error?.status ?? "UNKNOWN",
      error?.message || `The server answered ${code}.`,
      violations,
      String(details("ErrorInfo")[0]?.reason ?? ""),
      Number.isFinite(pause) ? new Date(Date.now() + 1000 * pause) : undefined,
    );
  }
}

/** The description of the first violation of `field`, if the failure names it. */
export function violationOf(error: unknown, field: string): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  return error.violations.find((violation) => violation.field === field)?.description;
}
