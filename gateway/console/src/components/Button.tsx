import { LoaderCircle, type LucideIcon } from "lucide-react";
import type { ComponentProps } from "react";
import { Link } from "react-router";
import styles from "./Button.module.css";

type Look = { variant?: "primary" | "plain" | "quiet" | "danger"; icon?: LucideIcon };

function look(variant: Look["variant"] = "plain"): string {
  return `${styles.button} ${styles[variant]}`;
}

/** A button; while `busy` it keeps focus but does nothing. */
export function Button({
  variant,
  icon: Icon,
  busy = false,
  onClick,
  children,
  ...rest
}: Look & { busy?: boolean } & ComponentProps<"button">) {
  const Shown = busy ? LoaderCircle : Icon;
  return (
    <button
      type="button"
      className={look(variant)}
      aria-disabled={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      {...rest}
    >
      {Shown && <Shown aria-hidden className={busy ? styles.turning : undefined} size={16} />}
      {children}
    </button>
  );
}

/** A link to another screen that looks like a button. */
export function ButtonLink({ variant, icon: Icon, children, ...rest }: Look & ComponentProps<typeof Link>) {
  return (
    <Link className={look(variant)} {...rest}>
      {Icon && <Icon aria-hidden size={16} />}
      {children}
    </Link>
  );
}

/** A link to a file that looks like a button. */
export function ButtonFile({ variant, icon: Icon, children, ...rest }: Look & ComponentProps<"a">) {
  return (
    <a className={look(variant)} {...rest}>
      {Icon && <Icon aria-hidden size={16} />}
      {children}
    </a>
  );
}
