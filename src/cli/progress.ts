import type { StageEvent } from '../model/tools.ts'
import { bytesText, durationText } from '../report/figures.ts'
import { shorten } from '../report/printable.ts'
import type { Terminal } from './terminal.ts'

export interface Progress {
  event(event: StageEvent): void
  /** Clears what is half drawn. Call before anything else is printed. */
  end(): void
}

const SILENT: Progress = { event: () => {}, end: () => {} }
const REDRAW_MS = 80

/**
 * One line a phase on stderr: phase, n of m, elapsed, estimate, memory. On a terminal the line is redrawn in place;
 * otherwise a phase is one plain line when it ends. Nothing when quiet.
 */
export function startProgress(terminal: Terminal, quiet: boolean): Progress {
  if (quiet) return SILENT
  return terminal.stderr.isTTY === true ? redrawn(terminal) : plain(terminal)
}

interface Phase {
  readonly name: string
  readonly startedAt: number
  last: StageEvent
}

function redrawn(terminal: Terminal): Progress {
  const { stderr } = terminal
  let phase: Phase | undefined
  let drawnAt = Number.NEGATIVE_INFINITY
  const draw = (final: boolean) => {
    const width = Math.max(20, (stderr.columns ?? 80) - 1)
    stderr.write(`\r\u001b[2K${lineOf(phase!, terminal, !final).slice(0, width)}${final ? '\n' : ''}`)
  }
  const finish = () => {
    if (phase !== undefined) draw(true)
    phase = undefined
  }
  return {
    event(event) {
      if (event.phase !== phase?.name) {
        finish()
        phase = { name: event.phase, startedAt: terminal.now(), last: event }
        drawnAt = Number.NEGATIVE_INFINITY
      }
      phase.last = event
      if (terminal.now() - drawnAt < REDRAW_MS) return
      drawnAt = terminal.now()
      draw(false)
    },
    end: finish,
  }
}

function plain(terminal: Terminal): Progress {
  let phase: Phase | undefined
  const finish = () => {
    if (phase !== undefined) terminal.stderr.write(`${lineOf(phase, terminal, false)}\n`)
    phase = undefined
  }
  return {
    event(event) {
      if (event.phase !== phase?.name) {
        finish()
        phase = { name: event.phase, startedAt: terminal.now(), last: event }
      }
      phase.last = event
    },
    end: finish,
  }
}

function lineOf({ name, startedAt, last }: Phase, terminal: Terminal, running: boolean): string {
  const elapsed = terminal.now() - startedAt
  const parts = [name.padEnd(10)]
  if (last.total > 1) parts.push(`${last.done} of ${last.total}`)
  parts.push(durationText(elapsed))
  const left =
    running && last.done > 0 && last.done < last.total ? (elapsed * (last.total - last.done)) / last.done : undefined
  // An estimate from the first moments is noise.
  if (left !== undefined && elapsed > 1000) parts.push(`about ${durationText(left)} left`)
  parts.push(bytesText(terminal.memory()))
  if (running && last.note !== undefined) parts.push(shorten(last.note, 40))
  return parts.join('  ')
}
