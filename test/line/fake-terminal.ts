import type { Line, LineOptions } from '../../src/cli/line.ts'
import { run } from '../../src/cli/run.ts'
import { explain } from '../../src/pipeline/explain.ts'
import { compareReport, encoderReport, inspectReport, planReport, variantsReport } from '../fixtures/reports.ts'

export interface Call {
  readonly verb: keyof Line
  readonly words: readonly (string | undefined)[]
  readonly options: LineOptions
}

export interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly calls: readonly Call[]
}

export interface World {
  /** Replaces verbs of the fake line. */
  readonly line?: Partial<Line>
  readonly tty?: boolean
  readonly env?: Record<string, string>
  /** Gets the function that a Ctrl-C calls. */
  readonly onStop?: (stop: () => void) => void
  /** Gets the function that an empty event loop calls. */
  readonly onIdle?: (idle: () => void) => void
}

/** One run of the command line against a line that gives fixture reports and notes how it was called. */
export async function runFake(words: readonly string[], world: World = {}): Promise<Run> {
  const calls: Call[] = []
  const out: string[] = []
  const err: string[] = []
  let clock = 0
  const given: Line = {
    inspect: async () => inspectReport,
    quantize: async () => encoderReport,
    plan: async () => planReport,
    search: async () => encoderReport,
    compare: async () => ({ ...compareReport, thresholds: [] }),
    arrayFileKind: async () => null,
    quantizeArrays: () => Promise.reject(new Error('not in this test')),
    dequantizeArrays: () => Promise.reject(new Error('not in this test')),
    variants: async () => variantsReport,
    dequantize: async () => encoderReport,
    explain: async () => explain(Float32Array.of(0.1, -0.7, 2, 1.25), { bits: 3 }),
    ...world.line,
  }
  const line = Object.fromEntries(
    Object.entries(given).map(([verb, act]) => [
      verb,
      (...args: unknown[]) => {
        // Looking at the input is not yet a job.
        if (verb !== 'arrayFileKind')
          calls.push({
            verb: verb as keyof Line,
            words: args.slice(0, -1) as string[],
            options: args.at(-1) as LineOptions,
          })
        return (act as (...all: unknown[]) => unknown)(...args)
      },
    ]),
  ) as unknown as Line
  const stream = (into: string[]) => ({
    write: (text: string) => into.push(text),
    isTTY: world.tty === true,
    columns: 100,
  })
  const code = await run(
    words,
    {
      stdout: stream(out),
      stderr: stream(err),
      env: world.env ?? {},
      onStop: (stop) => {
        world.onStop?.(stop)
        return () => {}
      },
      onIdle: (idle) => {
        world.onIdle?.(idle)
        return () => {}
      },
      now: () => (clock += 500),
      memory: () => 64_000_000,
    },
    async () => line,
  )
  return { code, stdout: out.join(''), stderr: err.join(''), calls }
}
