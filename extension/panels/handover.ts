/**
 * Hands a choice (a matrix, a tensor) to a page exactly once. A hidden tab has no page and VS Code drops what is posted
 * to it, so a choice waits until a page listens; over a reload the page knows better where it was and is told none.
 */
export class Handover<T> {
  #listening = false;
  #waiting: T | null;

  /** @param deliver null: the page is told where it belongs, and chooses nothing */
  constructor(
    private readonly deliver: (choice: T | null) => void,
    first: T | null = null,
  ) {
    this.#waiting = first;
  }

  /** A new page listens. */
  ready(): void {
    this.#listening = true;
    this.#deliver();
  }

  /** The tab was hidden, and its page with it. */
  gone(): void {
    this.#listening = false;
  }

  give(choice: T): void {
    this.#waiting = choice;
    if (this.#listening) this.#deliver();
  }

  #deliver(): void {
    const choice = this.#waiting;
    this.#waiting = null;
    this.deliver(choice);
  }
}
