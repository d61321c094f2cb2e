import { useQuery } from "@tanstack/react-query";
import { LogIn } from "lucide-react";
import { useEffect } from "react";
import { signInQuery } from "@/api/session";
import { Button } from "@/components/Button";
import { Wordmark } from "@/components/Wordmark";
import styles from "./Shell.module.css";

/** Nobody is signed in: says how to become somebody. */
export function SignedOut({ retry }: { retry: () => unknown }) {
  const { data: signIn, isPending } = useQuery(signInQuery);
  useEffect(() => {
    document.title = "Signed out · LeadFactory";
  }, []);
  if (isPending) return null;
  return (
    <main className={styles.centred}>
      <Wordmark />
      <div className={styles.sheet}>
        <h1>You are signed out</h1>
        {signIn ? (
          <Button variant="primary" icon={LogIn} onClick={() => window.location.assign(back(signIn))}>
            Sign in
          </Button>
        ) : (
          <>
            <p>
              Open the login link that LeadFactory printed in the terminal when it started. It works once.
            </p>
            <p>For a new one, run this where LeadFactory is installed:</p>
            <code className={styles.command}>make login</code>
            <Button variant="primary" icon={LogIn} onClick={() => void retry()}>
              I have signed in
            </Button>
          </>
        )}
      </div>
    </main>
  );
}

/** The way to sign in that leads back to where the person is now. */
function back(signIn: string): string {
  const { pathname, search } = window.location;
  return `${signIn}?return_to=${encodeURIComponent(pathname + search)}`;
}
