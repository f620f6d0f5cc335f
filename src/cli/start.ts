import type { Worker } from 'node:worker_threads'
import { arrayFileKind } from '../pipeline/arrays/array-kind.node.ts'
import { plan, quantize } from '../pipeline/quantize-file.node.ts'
import type { Line } from './line.ts'
import { type OutputOf, processTerminal } from './process-terminal.ts'
import { run } from './run.ts'

/** Runs a verb in this process. What quantizing needs is here and so in the first file that is loaded; the rest comes when asked for. */
export function start(words: readonly string[], threads: readonly Worker[], output: OutputOf): Promise<number> {
  const line: Line = {
    quantize: (input, output, options) => quantize(input, output, { ...options, waiting: threads }),
    plan,
    search: async (...given) => (await import('../pipeline/search/search-file.node.ts')).search(...given),
    inspect: async (...given) => (await import('../pipeline/inspect-file.node.ts')).inspect(...given),
    compare: async (...given) => (await import('../pipeline/compare-file.node.ts')).compare(...given),
    variants: async (...given) => (await import('../pipeline/variants/variants.node.ts')).variants(...given),
    dequantize: async (...given) => (await import('../pipeline/dequantize-file.node.ts')).dequantize(...given),
    explain: async (...given) => (await import('../pipeline/explain-file.node.ts')).explain(...given),
    arrayFileKind,
    quantizeArrays: async (...given) =>
      (await import('../pipeline/arrays/quantize-arrays.node.ts')).quantizeArrays(...given),
    dequantizeArrays: async (...given) =>
      (await import('../pipeline/arrays/dequantize-arrays.node.ts')).dequantizeArrays(...given),
  }
  return run(words, processTerminal(output), async () => line)
}
