import { availableParallelism } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import type { Calibrator } from '../calibration/ranges/index.ts'
import { TersorError } from '../errors.ts'
import type { Thresholds } from '../evaluation/index.ts'
import { loadKernels } from '../kernels/load.ts'
import type { Report } from '../model/report.ts'
import type { Runtime } from '../model/runtime.ts'
import type { StageEvent, Tools } from '../model/tools.ts'
import { type Ask, HALF_PRESETS, NAMED_PRESETS } from './ask.ts'
import { askOf, type QuantizeOptions } from './ask-of.ts'
import { fallBack, MOST_ATTEMPTS, neededReduction, nextStep, relax } from './attempts.ts'
import { asksForAwq } from './awq/awq-ask.ts'
import { asksForOwnTexts, isFitted, withData, withoutData } from './fitting/asks-for-data.ts'
import type { FileFitting } from './fitting/file-fitting.node.ts'
import type { FitWork } from './fitting/fit-work.node.ts'
import type { OwnTexts } from './fitting/own-texts.node.ts'
import { doorsOf } from './half/doors.ts'
import type { Judging, JudgingOptions } from './judging.node.ts'
import { lowRankAsk } from './low-rank/low-rank-ask.ts'
import { type OpenedModel, openModel } from './open-model.node.ts'
import { Phases } from './phases.ts'
import { afterStatic } from './plan.ts'
import { ProducePool } from './produce/produce-pool.node.ts'
import type { SharedRun } from './prove-file.node.ts'
import { reportOf } from './report-of.ts'
import { rotationAsk } from './rotation/rotation-ask.ts'
import { asStopped, decide, finish, type Prepared, prepare } from './run.ts'
import { layoutOf } from './save.ts'
import { sizeNotes } from './saving.ts'
import { NodeStage } from './stage.node.ts'
import type { StaticWhole } from './static/static-whole.node.ts'
import { transformAsk } from './static/transform-candidates.ts'
import { suggestionFor } from './suggestion.ts'
import type { FloatRunAsk } from './truth/float-run.node.ts'
import { unitsAhead } from './weight-jobs.ts'

export interface FileOptions extends QuantizeOptions, FloatRunAsk, JudgingOptions, Thresholds {
  /** How ranges of activations are found; int8-static only. Default percentile. */
  readonly calibrator?: Calibrator
  /**
   * How long trials, corrections and learning may take; for int8-static, and weights that are fitted to `calib`. Default 'default'. 'best' without `calib`: weights of
   * language decoders are fitted to texts that the model writes itself.
   */
  readonly effort?: 'fast' | 'default' | 'best'
  /** Changes before that keep the function; of int8-static 'auto' (default), 'none', `equalize`, `equalize-weights`; of weight-only results `awq`, `rotate`. */
  readonly transform?: string
  /** A statistics file; int8-static only: used where it exists, else written. Samples that it does not come from are added. */
  readonly statistics?: string
  /** Where to write the ranges for another tool; int8-static only: `.table` for ncnn2int8, `.json` for onnxruntime's Python tools. */
  readonly table?: string
  readonly shardSize?: number
  readonly threads?: number
  /** Threads of pipeline/produce/produce-worker that were started before and wait for work. */
  readonly waiting?: readonly Worker[]
  readonly maxMemory?: number
  /** How often a refused result is tried again with more precision, the first included; 1: never. */
  readonly attempts?: number
  /** Default thresholds are those of so many bits, whatever the result has. */
  readonly judgedAs?: number
  readonly force?: boolean
  readonly compressed?: boolean
  readonly hashes?: boolean
  /** `reference`: the TypeScript twins instead of the SIMD kernels; same bytes, slower. */
  readonly kernels?: 'wasm' | 'reference'
  /** Data files as transformers.js has them: `<name>_data`, and only where the model is too large for one file. */
  readonly browserData?: boolean
  /** The result stands in a folder that is moved or removed as a whole: nothing is left beside it. */
  readonly isStaged?: boolean
  /** What several results of one model have in common; the caller closes it. */
  readonly shared?: SharedSource
  readonly onEvent?: (event: StageEvent) => void
  readonly signal?: AbortSignal
}

/** One model, opened and read once, and the answers of its float graph once they are there. */
export interface SharedSource extends SharedRun {
  readonly opened: OpenedModel
  readonly prepared: Prepared
}

/**
 * The main job on files. Without `output`, the result goes beside the model under a name that says what was done. A result
 * that the verdict refuses is tried again with more precision where the error comes from, `attempts` times in all.
 */
export async function quantize(input: string, output: string | undefined, given: FileOptions = {}): Promise<Report> {
  const tools = await toolsOf(given)
  const phases = new Phases(tools.notify)
  const { asked: plain, options, rotates } = withTransforms(given)
  const judging = await judgingFor(options)
  const isStatic = plain.to === 'int8-static'
  const hasData = options.calib !== undefined || options.statistics !== undefined
  const asked = hasData ? withData(plain) : plain
  const writes = asksForOwnTexts(asked, options)
  if (asked.fitting === 'gptq' && !hasData && !writes) throw withoutData()
  const fits = (hasData || writes) && isFitted(asked)
  const smooths = smoothsOn(asked, options)
  requireStaticOptions(
    isStatic,
    fits,
    asked.to === 'int8' && isSmoothing(options.transform) ? withoutTransform(options) : options,
  )
  const isSmooth = asked.to === 'int8' && isSmoothing(options.transform)
  const aware = !isStatic && !isSmooth && asksForAwq(options.transform, asked.to, options.calib !== undefined)
  const opened = options.shared?.opened ?? (await openModel(input))
  const pool = new ProducePool(options.threads ?? availableParallelism(), options.waiting)
  pool.expect(opened.source.byteLength)
  const runtime = isStatic ? startedRuntime(opened, options) : undefined
  let statically: StaticWhole | undefined
  let fitting: FileFitting | undefined
  let work: FitWork | undefined
  let own: OwnTexts | undefined
  const proof =
    options.noVerify === true
      ? undefined
      : await (await import('./prove-file.node.ts')).proverOf(
          opened,
          {
            ...options,
            ...judging,
            fitted: isStatic || fits || aware || smooths || HALF_PRESETS.has(asked.to),
            ...(writes ? { madeUp: async (session) => own?.judging(session) } : {}),
            fittedTo: () => statically?.digests ?? fitting?.digests ?? [],
          },
          tools,
          runtime,
        )
  try {
    let prepared = options.shared?.prepared ?? (await prepare(opened, tools, phases))
    const inventory = prepared.inventory
    pool.expect(prepared.input.byteLength)
    statically = isStatic
      ? await (await import('./static/static-whole.node.ts')).StaticWhole.open(
          prepared,
          opened,
          asked,
          options,
          tools,
          phases,
          runtime,
        )
      : undefined
    const half = HALF_PRESETS.has(asked.to)
      ? await (await import('./half/half-inputs.node.ts')).halfFromFile(prepared, opened, asked, options, tools, phases)
      : undefined
    if (half) prepared = half.prepared
    let fixed = await statically?.stage()
    if (options.table !== undefined) await statically?.writeTable(options.table, options.force ?? false)
    if (fixed) prepared = fixed.prepared
    const attempts: string[] = []
    // Rules that asked for static integers have done their work.
    let ask: Ask = fixed ? afterStatic(asked, fixed.prepared.inventory) : asked
    if (half) ask = half.ask
    if (rotates) {
      const { rotateFile } = await import('./rotation/rotate.node.ts')
      const turned = await phases.time('rotate', () => rotateFile(prepared, opened, ask, options.threads, tools))
      prepared = turned.prepared
      ask = turned.ask
    }
    if (aware) {
      const solver = fits && ask.solver === undefined ? 'gptq' : (ask.solver ?? 'search')
      const { awqOn } = await import('./awq/awq.node.ts')
      prepared = await phases.time('awq', () => awqOn(prepared, opened, ask, solver, options, tools))
    }
    let noise: ReadonlyMap<string, number> | null = null
    let raised: string | null = null
    const stageFor = (path: string): NodeStage => {
      const inputs = [...(opened.path === undefined ? [] : [opened.path]), ...prepared.input.externalFiles]
      return new NodeStage(path, { force: options.force ?? false, inputs })
    }
    for (let attempt = 1; ; attempt++) {
      if (fits && !fitting) {
        const { FileFitting } = await import('./fitting/file-fitting.node.ts')
        const { FitWork } = await import('./fitting/fit-work.node.ts')
        work = new FitWork(async (preset) => {
          const path = output ?? defaultOutput(input, opened, preset)
          await stageFor(path).discard()
          return path
        })
        if (writes) own = new (await import('./fitting/own-texts.node.ts')).OwnTexts(prepared, opened, options, tools)
        fitting = new FileFitting(prepared, opened, { ...options, work, ...(own ? { own } : {}) }, tools)
      }
      const smooth = smooths ? await import('./smoothing/smooth.node.ts') : undefined
      const fit =
        asked.fitting === 'hqq'
          ? (await import('./fitting/half-quadratic-fit.ts')).halfQuadraticFit(tools)
          : (fitting?.fitFor(ask) ?? smooth?.smoothOn(prepared, opened, options, options.transform === 'smooth', tools))
      const { lowRank } = ask
      const corrected =
        lowRank && !fitting ? (await import('./low-rank/low-rank-fit.ts')).lowRankFit(lowRank, fit, tools) : fit
      const { measure } = ask
      const decided = await decide(prepared, ask, tools, phases, corrected, (weights) =>
        pool.begin(unitsAhead(weights, measure)),
      )
      const path = output ?? defaultOutput(input, opened, decided.plan.preset)
      const stage = stageFor(path)
      const current = ask
      const finished = await finish(
        decided,
        stage,
        {
          name: basename(path),
          measure: ask.measure,
          force: options.force ?? false,
          ...(options.shardSize === undefined ? {} : { shardBytes: options.shardSize }),
          ...(options.browserData === undefined ? {} : { browserData: options.browserData }),
          threads: (jobs, units, outputs, notify) =>
            pool.run(jobs, units, outputs, tools.kernels, options.signal, notify),
          retry: async (context, verdict) => {
            if (statically && attempt < (options.attempts ?? MOST_ATTEMPTS)) {
              raised = await statically.raise(verdict)
              if (raised !== null) return current
            }
            const reduction = neededReduction(verdict)
            if (
              fixed ||
              NAMED_PRESETS.has(asked.to) ||
              !proof ||
              reduction === null ||
              attempt >= (options.attempts ?? MOST_ATTEMPTS)
            )
              return null
            noise ??= await proof.noise(context)
            const relaxed = noise && relax(context.decided, noise, reduction, current)
            if (relaxed) return relaxed
            noise = null
            return fallBack(context.decided, asked, current)
          },
        },
        proof?.prove,
        tools,
        phases,
      )
      if (statically && raised !== null) {
        attempts.push(`attempt ${attempt} was refused: ${finished.verdict.because}; tried again with ${raised}`)
        fixed = await statically.stage()
        prepared = fixed.prepared
        raised = null
        continue
      }
      if (finished.next !== null) {
        attempts.push(
          `attempt ${attempt} (${decided.plan.preset}) was refused: ${finished.verdict.because}; ${nextStep(finished.next, current)}`,
        )
        ask = finished.next
        continue
      }
      const published = finished.files.length > 0
      if (published || options.isStaged) work?.done()
      const notes = sizeNotes(decided, finished.saved.byteLength, asked.to === 'auto')
      if (!published && !options.isStaged && work?.kept !== undefined) {
        notes.push(
          `the codes of this result are kept in ${work.kept}: the same command with --force, or another threshold, looks for none of them again`,
        )
      }
      const report = reportOf(decided, finished, {
        command: 'quantize',
        source: opened.source,
        ask,
        options: plainOptions(given),
        phases: phases.list,
        warnings: [
          ...(proof?.warnings() ?? []),
          ...(fixed?.notes ?? []),
          ...(half?.notes ?? []),
          ...attempts,
          ...notes,
        ],
        peakBytes: process.resourceUsage().maxRSS * 1024,
        outputPath: path,
        ...(proof?.runtime ? { runtime: proof.runtime } : {}),
        suggestion: suggestionFor(decided, finished, input, path, options),
        ...(options.hashes && opened.path !== undefined
          ? { inputHash: await (await fileFacts()).sha256Of(opened.path) }
          : {}),
        ...(options.hashes && published ? { outputHash: await (await fileFacts()).sha256Of(path) } : {}),
        ...(options.compressed && published
          ? { compressed: await (await fileFacts()).compressedSizes(finished.files) }
          : {}),
      })
      const statistics = options.hashes && statically ? { sha256: await statically.statisticsHash() } : undefined
      const layers = options.hashes === true && statically ? await statically.layers() : []
      return fixed
        ? {
            ...report,
            decisions: (await import('./static/static-decisions.ts')).staticDecisions(
              inventory,
              fixed.decisions,
              report.decisions,
            ),
            points: fixed.points,
            ...(statistics === undefined ? {} : { statistics }),
            ...(layers.length === 0 ? {} : { layers }),
          }
        : half
          ? { ...report, points: half.points }
          : report
    }
  } catch (thrown) {
    throw asStopped(thrown, options.signal)
  } finally {
    pool.close()
    work?.close()
    await proof?.close()
    await statically?.close()
    await (await runtime)?.close()
    if (options.shared === undefined) await opened.source.close?.()
  }
}

/** Ranks are chosen by the errors of codes. */
const LOW_RANK_LATER = 'corrections of low rank are found with the codes: their bytes are not in this plan'

/** Every decision with its reason and the exact output bytes; nothing is run or written. */
export async function plan(input: string, options: FileOptions = {}): Promise<Report> {
  const tools = await toolsOf(options)
  const phases = new Phases(tools.notify)
  const { asked, rotates } = withTransforms(options)
  const opened = await openModel(input)
  try {
    const read = await prepare(opened, tools, phases)
    const turned = rotates
      ? await phases.time('rotate', async () =>
          (await import('./rotation/rotate.ts')).rotated(read, asked, async () => null),
        )
      : { prepared: read, ask: asked }
    const { prepared, ask } = turned
    const half = HALF_PRESETS.has(ask.to)
      ? await (await import('./half/half-stage.ts')).halfStage(prepared, ask, doorsOf(options), null, tools, phases)
      : undefined
    const decided = half
      ? await decide(half.prepared, half.ask, tools, phases)
      : await decide(prepared, ask, tools, phases)
    const name = basename(defaultOutput(input, opened, decided.plan.preset))
    const { files } = layoutOf(decided.output, name, options.shardSize)
    const report = reportOf(decided, undefined, {
      command: 'plan',
      source: opened.source,
      ask,
      options: plainOptions(options),
      phases: phases.list,
      warnings: [...(half?.notes ?? []), ...(ask.lowRank ? [LOW_RANK_LATER] : [])],
      peakBytes: process.resourceUsage().maxRSS * 1024,
      ...(options.hashes && opened.path !== undefined
        ? { inputHash: await (await fileFacts()).sha256Of(opened.path) }
        : {}),
    })
    const bytes = files.reduce((sum, file) => sum + file.byteLength, 0)
    const output = { path: name, bytes, files: files.map((file) => file.name) }
    return { ...report, output, ...(half ? { points: half.points } : {}) }
  } finally {
    await opened.source.close?.()
  }
}

/** What `--transform rotate` asks for is done in front of everything else, `low-rank` behind; the other names are left. */
function withTransforms(given: FileOptions): {
  readonly asked: Ask
  readonly rotates: boolean
  readonly options: FileOptions
} {
  const { transform: all, ...rest } = given
  const asked = askOf(given)
  const { rotates, transform } = rotationAsk(all, asked.to)
  const { lowRank, ...left } = lowRankAsk(transform, asked.to)
  return { asked: lowRank ? { ...asked, lowRank } : asked, rotates, options: { ...rest, ...left } }
}

/** Names of `--transform` that int8 takes: whether activations are balanced by what the data show. */
const isSmoothing = (transform: string | undefined): boolean => ['smooth', 'auto', 'none'].includes(transform ?? 'auto')

function withoutTransform({ transform: _transform, ...rest }: FileOptions): FileOptions {
  return rest
}

/** Dynamic int8 with data: activations are balanced on them, unless plain rounding or no transform was asked for. */
function smoothsOn({ to, solver }: Ask, { calib, transform }: FileOptions): boolean {
  if (to !== 'int8' || !isSmoothing(transform)) return false
  if (transform === 'smooth' && calib === undefined) {
    throw new TersorError('E_USAGE', '--transform smooth goes by what data show, and none are given', {
      where: '--transform',
      hint: 'add --calib DATA; without it activations are balanced by the norms before them',
    })
  }
  return calib !== undefined && transform !== 'none' && solver !== 'nearest'
}

/** Throws E_USAGE for what has no meaning without static ranges. */
function requireStaticOptions(
  isStatic: boolean,
  fits: boolean,
  { calibrator, effort, transform, statistics, table }: FileOptions,
): void {
  if (isStatic && transform !== undefined) transformAsk(transform)
  if (table !== undefined && !/\.(table|json)$/.test(table)) {
    throw new TersorError('E_USAGE', `--table ${table}: expected a name that ends in .table or .json`, {
      where: '--table',
      hint: '.table is for ncnn2int8, .json for onnxruntime in Python',
    })
  }
  if (!isStatic && table !== undefined) {
    throw new TersorError('E_USAGE', '--table has ranges of activations: it belongs to --to int8-static', {
      where: '--table',
    })
  }
  if (!isStatic && !fits && statistics !== undefined) {
    throw new TersorError(
      'E_USAGE',
      '--statistics are of activations: they belong to --to int8-static and to weights found on data',
      {
        where: '--statistics',
      },
    )
  }
  if (!isStatic && calibrator !== undefined) {
    throw new TersorError('E_USAGE', '--calibrator finds ranges of activations: it belongs to --to int8-static', {
      where: '--calibrator',
    })
  }
  if (!isStatic && !fits && effort !== undefined) {
    throw new TersorError(
      'E_USAGE',
      '--effort is for arrays, for --to int8-static, and for weights that are fitted to --calib: nothing else is searched for that long',
      {
        where: '--effort',
      },
    )
  }
}

/** Cryptography and compression take milliseconds to load: only where they were asked for. */
const fileFacts = () => import('./file-facts.node.ts')

/** Threads that will run the model start while it is read. Given statistics may make them needless. */
function startedRuntime(
  { path, source }: OpenedModel,
  { statistics, threads }: FileOptions,
): Promise<Runtime | undefined> | undefined {
  if (path === undefined || statistics !== undefined) return undefined
  return import('./observe-threads.node.ts')
    .then(({ findObservingRuntime }) =>
      findObservingRuntime(source.byteLength, threads === undefined ? {} : { threads }),
    )
    .catch(() => undefined)
}

/** Read before any work is done; not even loaded where nothing is proven and nothing was asked. */
async function judgingFor(options: FileOptions): Promise<Judging> {
  if (options.noVerify === true && options.labels === undefined && options.metric === undefined) return {}
  return (await import('./judging.node.ts')).judgingOf(options)
}

export async function toolsOf(options: Pick<FileOptions, 'kernels' | 'signal' | 'onEvent'>): Promise<Tools> {
  return {
    kernels: await loadKernels(options.kernels),
    notify: options.onEvent ?? (() => undefined),
    ...(options.signal ? { signal: options.signal } : {}),
  }
}

/** `model.int8.onnx` beside the model; for addresses and folders, in the working folder or that folder. */
export function defaultOutput(input: string, opened: OpenedModel, what: string): string {
  const path = opened.path ?? join(process.cwd(), basename(new URL(input).pathname) || 'model.onnx')
  const name = basename(path).replace(/\.onnx$/i, '')
  return join(dirname(path), `${name}.${what}.onnx`)
}

const UNSAID: ReadonlySet<string> = new Set(['waiting', 'shared'])

/** What can be said in JSON. */
export function plainOptions(options: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).filter(
      ([name, value]) =>
        value !== undefined && typeof value !== 'function' && !(value instanceof AbortSignal) && !UNSAID.has(name),
    ),
  )
}
