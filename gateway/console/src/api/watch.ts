/** How a watch is: `live` while news arrives as it happens, `lost` once it does not, until it does again. */
export type WatchState = "connecting" | "live" | "lost";

/** A stream without tokens begins anew each time: its first message says how things are. */
type Message = { resume_token?: string } | Record<never, never>;

type Handlers<T> = {
  onMessage: (message: T) => void;
  onState: (state: WatchState) => void;
  /** The watch begins anew: what happened before is not known to it. */
  onGap: () => void;
};

// Three heartbeats: a connection that is silent for longer is dead.
const SILENCE_MS = 45_000;
// Who comes back after longer reads everything again instead of what was missed.
const AWAY_MS = 300_000;
const LONGEST_PAUSE_MS = 30_000;
// After so many vain attempts it may be the token that is refused.
const ATTEMPTS = 3;

/**
 * A stream of server-sent events that goes on where it stopped, whatever ends it. While the page is hidden it
 * is closed: a browser has few connections to one server, and all its tabs share them.
 */
export class Watch<T extends Message> {
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #token = "";
  #failures = 0;
  #hiddenAt = 0;

  constructor(
    private readonly path: string,
    private readonly handlers: Handlers<T>,
    private readonly open: (url: string) => EventSource = (url) => new EventSource(url),
  ) {}

  /** Begins; `stop` ends it for good. */
  start(): void {
    document.addEventListener("visibilitychange", this.#onVisibility);
    this.#onVisibility();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.#onVisibility);
    this.#close();
  }

  #onVisibility = (): void => {
    this.#close();
    if (document.hidden) {
      this.#hiddenAt = Date.now();
      return;
    }
    if (this.#hiddenAt && Date.now() - this.#hiddenAt > AWAY_MS) this.#token = "";
    this.#failures = 0;
    this.#connect();
  };

  #connect = (): void => {
    const begins = this.#token === "";
    const source = this.open(begins ? this.path : `${this.path}?resume_token=${this.#token}`);
    let heard = false;
    this.#source = source;
    this.#await(SILENCE_MS, () => this.#retry(heard));
    source.onmessage = ({ data }: MessageEvent<string>) => {
      const message = JSON.parse(data) as T;
      this.#token = "resume_token" in message ? (message.resume_token ?? "") : "";
      this.#failures = 0;
      this.#await(SILENCE_MS, () => this.#retry(heard));
      if (!heard) {
        heard = true;
        this.handlers.onState("live");
        if (begins) this.handlers.onGap();
      }
      this.handlers.onMessage(message);
    };
    // A stream that has come to its end, too: it does so every few minutes.
    source.onerror = () => this.#retry(heard);
  };

  #retry(heard: boolean): void {
    this.#close();
    this.#failures = heard ? 0 : this.#failures + 1;
    if (this.#failures > 1) this.handlers.onState("lost");
    if (this.#failures >= ATTEMPTS) this.#token = "";
    const ceiling = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** this.#failures);
    // All pages of a server that was restarted would come back in the same instant.
    this.#await(ceiling * (0.2 + 0.8 * Math.random()), this.#connect);
  }

  #await(milliseconds: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, milliseconds);
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
  }
}
