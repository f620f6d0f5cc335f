import { now } from '../pipeline/clock.ts'
import type { Output, Terminal } from './terminal.ts'

const STOPPED = 130

/** Where the text of a descriptor goes. */
export type OutputOf = (fd: 1 | 2) => Output

/** The terminal of this process. The first Ctrl-C asks to stop, the second does not wait. */
export function processTerminal(output: OutputOf): Terminal {
  return {
    stdout: output(1),
    stderr: output(2),
    env: process.env,
    onStop(stop) {
      let asked = false
      const listener = () => {
        if (asked) process.exit(STOPPED)
        asked = true
        stop()
      }
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, listener)
      return () => {
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, listener)
      }
    },
    onIdle(idle) {
      process.once('beforeExit', idle)
      return () => process.off('beforeExit', idle)
    },
    now,
    memory: () => process.memoryUsage.rss(),
  }
}
