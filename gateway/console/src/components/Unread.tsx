import { ErrorNotice, Skeleton } from "./Notice";
import { PageHeader } from "./PageHeader";

/** The screen of one thing, until it has come and if it does not. */
export function Unread({
  what,
  back,
  error,
  retry,
}: {
  /** What it is of, as in "The report could not be read". */
  what: string;
  back: { to: string; text: string };
  error: Error | null;
  retry: () => unknown;
}) {
  return (
    <>
      <PageHeader title={what.charAt(0).toUpperCase() + what.slice(1)} back={back} />
      {error ? (
        <ErrorNotice title={`The ${what} could not be read`} error={error} retry={retry} />
      ) : (
        <Skeleton lines={6} label={`Loading the ${what}`} />
      )}
    </>
  );
}
