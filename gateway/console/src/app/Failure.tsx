import { useRouteError } from "react-router";
import { ErrorNotice } from "@/components/Notice";

/** A screen that broke: a fault of the console itself, which loading it anew may mend. */
export function Failure() {
  const thrown = useRouteError();
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return <ErrorNotice title="This screen broke" error={error} retry={() => window.location.reload()} />;
}
