/**
 * Answers fetched while the workbench is still opening a page, which takes it longer than the daemon needs: what is
 * there when the page says that it listens goes with the first message to it. What is not, the page asks for itself.
 */
import { requestKey, type AnswerAhead, type AskedAhead } from "../../webview/messages.ts";
import type { Answers } from "./session.ts";

export class AnswersAhead<Token> {
  readonly #there = new Map<string, AnswerAhead>();
  /** Grows when answers are given up: one that is under way then is of no use when it comes. */
  #generation = 0;

  /** @param token never cancelled: the answers are small, and whoever asks next gets them from the daemon's cache */
  constructor(
    private readonly answers: Answers<Token>,
    private readonly token: Token,
  ) {}

  /** Failures are left to the page, which asks again and shows them. */
  start(asked: AskedAhead): void {
    const generation = this.#generation;
    void this.#ask(asked).then(
      (result) => {
        if (generation !== this.#generation) return;
        this.#there.set(requestKey(asked.method, asked.params), { ...asked, result });
      },
      () => undefined,
    );
  }

  #ask(asked: AskedAhead): Promise<unknown> {
    return asked.method === "run"
      ? this.answers.answer("run", asked.params, this.token)
      : this.answers.answer("matrix", asked.params, this.token);
  }

  /** Answers that are there. */
  get size(): number {
    return this.#there.size;
  }

  /** What is there, once. */
  take(): AnswerAhead[] {
    const taken = [...this.#there.values()];
    this.forget();
    return taken;
  }

  /** Something changed since, or the page has gone. */
  forget(): void {
    this.#generation++;
    this.#there.clear();
  }
}
