import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Allocation, allocate } from '../../allocation/allocate.ts'
import { TersorError } from '../../errors.ts'
import type { Report } from '../../model/report.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { SearchFacts } from '../../model/search-facts.ts'
import type { Tools } from '../../model/tools.ts'
import { findRuntime } from '../../runtime/find.node.ts'
import { askOf } from '../ask-of.ts'
import { isFitted } from '../fitting/asks-for-data.ts'
import { openModel } from '../open-model.node.ts'
import { Phases } from '../phases.ts'
import { ProducePool } from '../produce/produce-pool.node.ts'
import { type FileOptions, quantize, toolsOf } from '../quantize-file.node.ts'
import { prepare } from '../run.ts'
import { allocateExactly, type ExactAllocation } from './allocate-exactly.ts'
import { explained } from './explained.ts'
import { evidenceOf, notesOf } from './search-evidence.node.ts'
import { type SearchTable, searchFacts, searchTable } from './search-line.node.ts'
import { smallestWithin } from './smallest-within.ts'

export interface SearchOptions extends FileOptions {
  /** Bytes of all files of the result. */
  readonly budget?: number
}

/** What tensors become that the search does not decide about. */
const BASE = 'int8-weights'
/** Bits that the default thresholds of a result are for whose size was asked for: the fewest there are. */
const FEWEST_BITS = 2

/**
 * Precision tensor by tensor. Measures what each group of tensors alone does to the outputs at every width the target has kernels for, spends
 * bytes where they lower that most, and quantizes as `quantize` does with a rule for each tensor. `budget`: the result of least loss
 * that fits. `maxLoss`: the smallest result that loses no more, found by trying. Throws E_USAGE without either or with both, E_PLAN
 * where a budget cannot be met, with the least possible bytes, E_RUNTIME where a loss was asked for and nothing can be run.
 */
export async function search(input: string, output: string | undefined, options: SearchOptions): Promise<Report> {
  const { budget, maxLoss, ...given } = options
  requireGoal(options)
  const tools = await toolsOf(options)
  const opened = await openModel(input)
  const pool = new ProducePool(options.threads ?? availableParallelism())
  let runtime: Runtime | undefined
  let found: ExactAllocation
  let facts: SearchFacts
  let rules: readonly string[]
  let notes: readonly string[]
  try {
    const ask = askOf({ ...options, to: options.to ?? BASE, noVerify: true })
    const prepared = await prepare(opened, tools, new Phases(tools.notify))
    runtime = opened.path === undefined ? undefined : await findRuntime()
    const judged =
      runtime && opened.path !== undefined
        ? await evidenceOf(opened.path, prepared, runtime, options, tools)
        : 'no onnxruntime was found on this machine'
    if (maxLoss !== undefined && typeof judged === 'string') {
      throw new TersorError('E_RUNTIME', `--max-loss is about outputs, and nothing can be run: ${judged}`, {
        where: '--max-loss',
        hint: '--budget goes by the weights alone',
      })
    }
    const evidence = typeof judged === 'string' ? undefined : judged
    const fitted = options.calib !== undefined && isFitted(ask)
    const table = await searchTable(prepared, ask, evidence, pool, tools, {
      fitted,
      ...(options.shardSize === undefined ? {} : { shardBytes: options.shardSize }),
    })
    const tried: { bytes: number; loss: number }[] = []
    found =
      budget === undefined
        ? await withinLoss(input, table, { ...given, maxLoss: maxLoss as number }, tried, tools)
        : await allocateExactly(table.choices, budget, table.bytesOf)
    rules = table.rulesOf(found.allocation)
    facts = {
      ...(budget === undefined ? { maxLoss: maxLoss as number } : { budget }),
      ...searchFacts(table, found, evidence),
      ...(tried.length === 0 ? {} : { tried }),
    }
    notes = notesOf(judged)
  } catch (thrown) {
    if (!tools.signal?.aborted) throw thrown
    throw new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
  } finally {
    pool.close()
    await runtime?.close()
    await opened.source.close?.()
  }
  const report = await quantize(input, output ?? input.replace(/(\.onnx)?$/i, '.search.onnx'), {
    ...given,
    to: given.to ?? BASE,
    rules: [...(given.rules ?? []), ...rules],
    attempts: 1,
    ...(maxLoss === undefined ? { judgedAs: FEWEST_BITS } : { maxLoss }),
  })
  return explained({ ...report, command: 'search', search: facts, warnings: [...report.warnings, ...notes] })
}

function requireGoal({ budget, maxLoss, noVerify }: SearchOptions): void {
  if ((budget === undefined) === (maxLoss === undefined)) {
    const what = budget === undefined ? 'found neither' : 'found both'
    throw new TersorError('E_USAGE', `expected how large the result may be or how much it may lose, ${what}`, {
      where: '--budget, --max-loss',
      hint: 'for example --budget 12MB, or --max-loss 1%',
    })
  }
  if (budget !== undefined && !(budget > 0))
    throw new TersorError('E_USAGE', `expected a budget in bytes, found ${budget}`, { where: '--budget' })
  if (maxLoss !== undefined && !(maxLoss >= 0 && maxLoss < 1))
    throw new TersorError('E_USAGE', `expected a loss from 0 to 1, found ${maxLoss}`, { where: '--max-loss' })
  if (maxLoss !== undefined && noVerify === true)
    throw new TersorError('E_USAGE', '--max-loss is about outputs, and --no-verify runs nothing', {
      where: '--max-loss',
      hint: 'leave out --no-verify',
    })
}

/** The smallest allocation whose result, made by the line and judged as ever, loses no more than asked. */
async function withinLoss(
  input: string,
  table: SearchTable,
  options: FileOptions & { readonly maxLoss: number },
  tried: { bytes: number; loss: number }[],
  tools: Tools,
): Promise<ExactAllocation> {
  const home = mkdtempSync(join(tmpdir(), 'tersor-search-'))
  try {
    const best = allocate(table.choices, Number.MAX_SAFE_INTEGER) as Allocation
    const least = table.choices.reduce((sum, choices) => sum + Math.min(...choices.map(({ bytes }) => bytes)), 0)
    const allocation = await smallestWithin(
      table.choices,
      least,
      best.bytes,
      options.maxLoss,
      async (one, done, most) => {
        tools.notify({ phase: 'try', done, total: most, note: `${one.bytes} bytes` })
        const report = await quantize(input, join(home, 'tried.onnx'), {
          ...options,
          // Codes found on data lose less than these: what passes with these passes with those.
          solver: options.solver ?? 'search',
          to: options.to ?? BASE,
          rules: [...(options.rules ?? []), ...table.rulesOf(one)],
          attempts: 1,
          force: true,
          hashes: false,
          compressed: false,
          onEvent: () => undefined,
        })
        const { threshold, because } = report.verdict ?? {}
        if (threshold?.metric !== 'loss')
          throw new TersorError('E_RUNTIME', `--max-loss cannot be measured: ${because ?? 'nothing was run'}`)
        tried.push({ bytes: report.output?.bytes ?? one.bytes, loss: threshold.found })
        return threshold.found
      },
    )
    return { allocation, bytes: await table.bytesOf(allocation) }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}
