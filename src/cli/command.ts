import type { Report } from '../model/report.ts'
import type { TextOptions } from '../report/to-terminal.ts'
import type { LoadLine } from './line.ts'
import type { Parsed } from './parse.ts'
import type { Progress } from './progress.ts'

/** What a command works with. */
export interface CommandContext {
  readonly parsed: Parsed
  readonly loadLine: LoadLine
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly text: TextOptions
}

/** What a command leaves: one object for --json, one text for people, and the exit code. */
export interface Outcome {
  readonly json: unknown
  readonly text: string
  readonly exitCode: number
}

export type Command = (context: CommandContext) => Promise<Outcome>

/** A refused verdict is exit code 5, also when --force wrote the file. */
export const exitCodeOfReport = (report: Report): number => (report.verdict?.status === 'refused' ? 5 : 0)
