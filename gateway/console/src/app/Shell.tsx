import { LogOut } from "lucide-react";
import { useLayoutEffect, useRef } from "react";
import { Link, NavLink, Outlet, ScrollRestoration, useLocation } from "react-router";
import { type Session, useHasRole, useSignOut } from "@/api/session";
import { Button } from "@/components/Button";
import { Badge } from "@/components/Status";
import { Wordmark } from "@/components/Wordmark";
import { LiveLeads } from "@/features/leads/LiveLeads";
import styles from "./Shell.module.css";

/** What surrounds every screen: the way around, who is signed in, and where the keyboard goes. */
export function Shell({ session }: { session: Session }) {
  const main = useFocusOnArrival();
  useSlash();
  const signOut = useSignOut();
  const seesImports = useHasRole("operator", "auditor", "admin");
  const administers = useHasRole("admin");
  const operates = useHasRole("auditor", "admin");
  return (
    <>
      <a className={styles.skip} href="#main">
        Skip to the content
      </a>
      <header className={styles.bar}>
        <div className={styles.inner}>
          <Link to="/leads" className={styles.home} aria-label="LeadFactory">
            <Wordmark />
          </Link>
          <nav className={styles.nav} aria-label="Main">
            <NavLink to="/leads">Leads</NavLink>
            <NavLink to="/reports">Reports</NavLink>
            <NavLink to="/lookup">Look-up</NavLink>
            <NavLink to="/batches">Batches</NavLink>
            <NavLink to="/templates">Templates</NavLink>
            {operates && <NavLink to="/operations">Operations</NavLink>}
            {administers && <NavLink to="/webhooks">Webhooks</NavLink>}
            {seesImports && <NavLink to="/imports">Imports</NavLink>}
          </nav>
          <div className={styles.person}>
            <span>{session.subject}</span>
            {session.roles.map((role) => (
              <Badge key={role}>{role}</Badge>
            ))}
            <Button variant="quiet" icon={LogOut} busy={signOut.isPending} onClick={() => signOut.mutate()}>
              Sign out
            </Button>
          </div>
        </div>
      </header>
      <main id="main" className={styles.main} ref={main} tabIndex={-1}>
        <LiveLeads>
          <Outlet />
        </LiveLeads>
      </main>
      <ScrollRestoration />
    </>
  );
}

/**
 * After going to another screen the keyboard continues at its content, not at the link that is gone.
 *
 * Before the screen is painted: who sees it and presses a key must not lose the field that the key chose.
 */
function useFocusOnArrival() {
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const before = useRef(pathname);
  useLayoutEffect(() => {
    if (before.current !== pathname) main.current?.focus({ preventScroll: true });
    before.current = pathname;
  }, [pathname]);
  return main;
}

/**
 * `/` goes to the screen's quick field, unless something is being typed; Escape leaves it.
 *
 * Before the screen is painted, so that no key is lost that is pressed as soon as it can be seen.
 */
function useSlash(): void {
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = (event.target as HTMLElement).matches("input, select, textarea");
      if (event.key === "Escape" && typing) (event.target as HTMLElement).blur();
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const field = document.querySelector<HTMLElement>('[data-shortcut="/"]');
      if (!field) return;
      event.preventDefault();
      field.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
