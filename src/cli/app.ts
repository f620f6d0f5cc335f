import type { Line } from './line.ts'
import { processTerminal } from './process-terminal.ts'
import { run } from './run.ts'

/** The exports of `node.ts`, each read when its verb runs: what a verb does not need is not even parsed. */
const line: Line = {
  quantize: async (...asked) => (await import('../pipeline/quantize-file.node.ts')).quantize(...asked),
  plan: async (...asked) => (await import('../pipeline/quantize-file.node.ts')).plan(...asked),
  inspect: async (...asked) => (await import('../pipeline/inspect-file.node.ts')).inspect(...asked),
  compare: async (...asked) => (await import('../pipeline/compare-file.node.ts')).compare(...asked),
  dequantize: async (...asked) => (await import('../pipeline/dequantize-file.node.ts')).dequantize(...asked),
}

/** One run of the command line in this process; gives the exit code. */
export const app = (words: readonly string[]): Promise<number> => run(words, processTerminal(), async () => line)
