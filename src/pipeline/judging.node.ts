import { readFile, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TersorError } from '../errors.ts'
import {
  accuracyMeter,
  type KindHints,
  type Labels,
  labelsOfCsv,
  labelsOfNames,
  type Measure,
  type MetricMeter,
  type MetricModule,
  metricChoice,
  moduleMeter,
  type VerdictFacts,
} from '../evaluation/index.ts'

export interface JudgingOptions {
  /** A CSV `file,label` or `index,label`; `name`: the file name up to its first `_`. Needs `eval` or `calib`. */
  readonly labels?: string
  /** What decides: top1, cosine, kl, snr, psnr, or the path of a module. Default by kind of output. */
  readonly metric?: string
}

/** How outputs are judged besides the figures that are always measured. */
export interface Judging {
  /** What decides where no threshold is given. */
  readonly by?: NonNullable<VerdictFacts['by']>
  /** A metric of the task; `found` samples are in the data. */
  readonly meter?: (found: number, hints: KindHints) => MetricMeter
}

interface Context extends JudgingOptions {
  readonly eval?: string
  readonly calib?: string
  readonly maxLoss?: number
  readonly noVerify?: boolean
}

const LARGEST_CSV = 256 * 1024 * 1024

/**
 * Reads and checks what was asked, before any work is done. E_USAGE when options contradict each other or a metric is unknown,
 * E_UNSUPPORTED for what comes with later versions, E_FORMAT when labels cannot be read.
 */
export async function judgingOf(options: Context): Promise<Judging> {
  const choice = options.metric === undefined ? undefined : metricChoice(options.metric)
  checkTogether(options, choice?.kind === 'name' ? choice.name : undefined)
  const labels = options.labels === undefined ? undefined : await labelsOf(options.labels)
  if (choice?.kind === 'module') {
    const metric = await metricModule(choice.path)
    return { by: 'module', meter: (found) => moduleMeter(metric, labels, found) }
  }
  return {
    ...(choice === undefined ? {} : { by: choice.name }),
    ...(labels === undefined ? {} : { meter: (found, hints) => accuracyMeter(labels, found, hints) }),
  }
}

function checkTogether({ labels, metric, noVerify, maxLoss, ...data }: Context, name: string | undefined): void {
  const wrong = (what: string, hint: string) => new TersorError('E_USAGE', what, { hint })
  if (noVerify === true && (labels !== undefined || metric !== undefined))
    throw wrong('labels and a metric are for the proof, which is skipped', 'leave out --no-verify')
  if (labels !== undefined && data.eval === undefined && data.calib === undefined)
    throw wrong('labels need the data they belong to', 'add --eval PATH')
  if (name === undefined || name === 'top1') return
  if (labels !== undefined)
    throw wrong(`the metric ${name} compares with float and has no use for labels`, 'use --metric top1, or no --labels')
  if (maxLoss !== undefined && name !== 'cosine')
    throw wrong(
      `the metric ${name} has no value for float to lose from`,
      'use --max-loss with top1, cosine or a module',
    )
}

async function labelsOf(path: string): Promise<Labels> {
  if (path === 'name') return labelsOfNames()
  const found = await stat(path).catch((cause: unknown) => {
    throw new TersorError('E_USAGE', `${path}: no such file`, { where: path, cause })
  })
  if (found.isDirectory()) {
    throw new TersorError(
      'E_UNSUPPORTED',
      `${path} is a folder; names of folders as labels come with pictures as data`,
      { where: path, hint: 'write a CSV with the columns file,label or index,label' },
    )
  }
  if (found.size > LARGEST_CSV)
    throw new TersorError('E_LIMIT', `${path}: ${found.size} bytes; labels have at most ${LARGEST_CSV}`, {
      where: path,
    })
  const bytes = await readFile(path)
  try {
    return labelsOfCsv(new TextDecoder('utf-8', { fatal: true }).decode(bytes), path)
  } catch (thrown) {
    if (thrown instanceof TersorError) throw thrown
    throw new TersorError('E_FORMAT', `${path}: expected text, found other content`, { where: path, cause: thrown })
  }
}

/** A metric of the user's own: `export default (outputs, sample, label) => number`, and `export const higherIsBetter`. */
async function metricModule(path: string): Promise<MetricModule> {
  const wrong = (what: string, cause?: unknown) =>
    new TersorError('E_USAGE', `the metric ${path} ${what}`, {
      where: path,
      hint: 'export default (outputs, sample, label) => number; export const higherIsBetter = true',
      ...(cause === undefined ? {} : { cause }),
    })
  let exported: Readonly<Record<string, unknown>>
  try {
    exported = (await import(pathToFileURL(resolve(path)).href)) as Readonly<Record<string, unknown>>
  } catch (cause) {
    throw wrong(`does not load: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }
  const { default: measure, higherIsBetter = true } = exported
  if (typeof measure !== 'function') throw wrong(`has no function as its default export, found ${typeof measure}`)
  if (typeof higherIsBetter !== 'boolean')
    throw wrong(`says higherIsBetter ${String(higherIsBetter)}, expected a boolean`)
  return { name: basename(path).replace(/\.m?js$/, ''), measure: measure as Measure, higherIsBetter }
}
