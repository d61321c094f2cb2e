import { QueryCache, QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { createBrowserRouter, Navigate, RouterProvider } from "react-router";
import { ApiError } from "@/api/errors";
import { endSession, sessionQuery } from "@/api/session";
import { Announcer } from "@/components/Announcer";
import { ErrorNotice } from "@/components/Notice";
import { Failure } from "./Failure";
import { BatchesPage } from "./pages/BatchesPage";
import { BatchPage } from "./pages/BatchPage";
import { ComparePage } from "./pages/ComparePage";
import { ImportsPage } from "./pages/ImportsPage";
import { LeadPage } from "./pages/LeadPage";
import { LeadsPage } from "./pages/LeadsPage";
import { LookupPage } from "./pages/LookupPage";
import { NotFoundPage } from "./pages/NotFoundPage";
import { ReportPage } from "./pages/ReportPage";
import { ReportsPage } from "./pages/ReportsPage";
import { Shell } from "./Shell";
import styles from "./Shell.module.css";
import { SignedOut } from "./SignedOut";

const queries = new QueryClient({
  queryCache: new QueryCache({ onError: endWhenUnauthenticated }),
  defaultOptions: {
    queries: {
      staleTime: 2000,
      retry: (failures, error) => failures < 2 && error instanceof ApiError && error.passing,
    },
    mutations: { onError: endWhenUnauthenticated },
  },
});

function endWhenUnauthenticated(error: Error): void {
  if (error instanceof ApiError && error.code === 401) endSession(queries);
}

const router = createBrowserRouter([
  {
    element: <SignedIn />,
    errorElement: <Failure />,
    // Nothing while a seldom visited screen is read: that is over before a word could be.
    hydrateFallbackElement: <div aria-busy="true" />,
    children: [
      { path: "/", element: <Navigate to="/leads" replace /> },
      {
        errorElement: <Failure />,
        children: [
          { path: "/leads", element: <LeadsPage /> },
          { path: "/leads/:id", element: <LeadPage /> },
          { path: "/lookup", element: <LookupPage /> },
          { path: "/imports", element: <ImportsPage /> },
          { path: "/reports", element: <ReportsPage /> },
          { path: "/reports/:id", element: <ReportPage /> },
          { path: "/reports/:id/compare", element: <ComparePage /> },
          { path: "/batches", element: <BatchesPage /> },
          { path: "/batches/:id", element: <BatchPage /> },
          // Seldom visited, so read when they are.
          {
            path: "/templates",
            lazy: async () => ({ Component: (await import("./pages/TemplatesPage")).TemplatesPage }),
          },
          {
            path: "/templates/compare",
            lazy: async () => ({
              Component: (await import("./pages/TemplateComparePage")).TemplateComparePage,
            }),
          },
          {
            path: "/templates/:id",
            lazy: async () => ({ Component: (await import("./pages/TemplatePage")).TemplatePage }),
          },
          {
            path: "/operations",
            lazy: async () => ({ Component: (await import("./pages/OperationsPage")).OperationsPage }),
          },
          {
            path: "/webhooks",
            lazy: async () => ({ Component: (await import("./pages/WebhooksPage")).WebhooksPage }),
          },
          {
            path: "/webhooks/:id",
            lazy: async () => ({ Component: (await import("./pages/WebhookPage")).WebhookPage }),
          },
          { path: "*", element: <NotFoundPage /> },
        ],
      },
    ],
  },
]);

/** The screens, for whoever is signed in. */
function SignedIn() {
  const { data: session, error, refetch } = useQuery(sessionQuery);
  if (session) return <Shell session={session} />;
  if (session === null) return <SignedOut retry={refetch} />;
  if (!error) return null;
  return (
    <main className={styles.centred}>
      <ErrorNotice title="LeadFactory does not answer" error={error} retry={refetch} />
    </main>
  );
}

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <Announcer>
        <RouterProvider router={router} />
      </Announcer>
    </QueryClientProvider>
  );
}
