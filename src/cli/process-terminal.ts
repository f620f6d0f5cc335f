import type { Terminal } from './terminal.ts'

const STOPPED = 130

/** The terminal of this process. The first Ctrl-C asks to stop, the second does not wait. */
export function processTerminal(): Terminal {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
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
    now: () => performance.now(),
    memory: () => process.memoryUsage.rss(),
  }
}
