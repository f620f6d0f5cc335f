import { Worker } from 'node:worker_threads'
import { type ErrorFacts, errorFrom, TersorError } from '../errors.ts'

/** A thread that gives one answer to each order, one at a time; an answer with an `error` is none. */
export class AskedThread<Order, Answer extends { readonly error?: ErrorFacts }> {
  readonly #worker: Worker
  #waiting: { resolve(answer: Answer): void; reject(error: TersorError): void } | undefined
  #failure: TersorError | undefined

  /** `doing` says what the thread is for, in errors: 'learns'. */
  constructor(entry: URL, doing: string) {
    // Without the flags of the process: `node --input-type=module -e ...` refuses them for a file.
    this.#worker = new Worker(entry, { execArgv: [] })
    this.#worker.on('message', (answer: Answer) => {
      if (answer.error) this.#waiting?.reject(errorFrom(answer.error))
      else this.#waiting?.resolve(answer)
    })
    this.#worker.on('error', (cause) =>
      this.fail(new TersorError('E_INTERNAL', `a thread that ${doing} failed: ${cause.message}`, { cause })),
    )
    this.#worker.on('exit', (code) =>
      this.fail(new TersorError('E_INTERNAL', `a thread that ${doing} ended without an answer (exit ${code})`)),
    )
  }

  ask(order: Order): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#failure) reject(this.#failure)
      else {
        this.#waiting = { resolve, reject }
        this.#worker.postMessage(order)
      }
    })
  }

  /** No answer counts any more. */
  fail(error: TersorError): void {
    this.#failure ??= error
    this.#waiting?.reject(error)
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}
