import type { StageEvent } from '../model/tools.ts'
import { now } from './clock.ts'

/** Times the stages of one run. */
export class Phases {
  readonly list: { name: string; ms: number }[] = []
  readonly #notify: (event: StageEvent) => void

  constructor(notify: (event: StageEvent) => void) {
    this.#notify = notify
  }

  async time<T>(name: string, work: () => Promise<T> | T): Promise<T> {
    const start = now()
    this.#notify({ phase: name, done: 0, total: 0 })
    try {
      return await work()
    } finally {
      this.list.push({ name, ms: Math.floor((now() - start) * 10) / 10 })
    }
  }
}
