import { type ComponentProps, type ReactNode, useEffect, useId, useRef } from "react";
import styles from "./Field.module.css";
import text from "./Text.module.css";

/** A labelled input with what the server said about it beneath. */
export function TextField({
  label,
  optional = false,
  error,
  ...rest
}: { label: string; optional?: boolean; error?: string | undefined } & ComponentProps<"input">) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>
        {label}
        {optional && <span className={styles.optional}> (optional)</span>}
      </label>
      <input
        {...rest}
        id={id}
        className={styles.input}
        aria-invalid={error ? true : undefined}
        aria-describedby={error ? `${id}-error` : undefined}
      />
      {error && (
        <p id={`${id}-error`} className={styles.error}>
          {error}
        </p>
      )}
    </div>
  );
}

/** A labelled choice. */
export function Select({
  label,
  options,
  ...rest
}: { label: string; options: [value: string, text: string][] } & ComponentProps<"select">) {
  return (
    <label className={styles.select}>
      <span>{label}</span>
      <select {...rest}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A text to search for, which is passed on as it is typed. */
export function SearchField({
  label,
  value,
  change,
  ...rest
}: { label: string; value: string; change: (value: string) => void } & Omit<
  ComponentProps<"input">,
  "value" | "onChange"
>) {
  const field = useRef<HTMLInputElement>(null);
  // Whoever types is ahead of what has been passed on; only what changes elsewhere is taken over.
  useEffect(() => {
    if (field.current && field.current !== document.activeElement) field.current.value = value;
  }, [value]);
  return (
    <label className={styles.search}>
      <span>{label}</span>
      <input
        type="search"
        autoComplete="off"
        spellCheck={false}
        {...rest}
        ref={field}
        defaultValue={value}
        onChange={({ target }) => change(target.value)}
      />
    </label>
  );
}

/** A labelled choice of a file, with what is to be known of it beneath. */
export function FileField({ label, children, ...rest }: { label: string } & ComponentProps<"input">) {
  return (
    <label className={styles.file}>
      <span>{label}</span>
      <input type="file" {...rest} />
      <span className={text.hint}>{children}</span>
    </label>
  );
}

/** A box to be ticked, with what that means. */
export function Check({ children, ...rest }: ComponentProps<"input">) {
  return (
    <label className={styles.check}>
      <input type="checkbox" {...rest} />
      {children}
    </label>
  );
}

/** Fields that belong together, under their name. */
export function Fieldset({
  legend,
  error,
  className = "",
  children,
  ...rest
}: { legend: string; error?: string | undefined; children: ReactNode } & ComponentProps<"fieldset">) {
  const id = useId();
  return (
    <fieldset
      {...rest}
      className={`${styles.fieldset} ${className}`}
      aria-describedby={error ? id : undefined}
    >
      <legend>{legend}</legend>
      {children}
      {error && (
        <p id={id} className={styles.error}>
          {error}
        </p>
      )}
    </fieldset>
  );
}
