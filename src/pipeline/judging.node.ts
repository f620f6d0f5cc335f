import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { filesBelow } from '../calibration/folder-files.node.ts'
import { TersorError } from '../errors.ts'
import {
  accuracyMeter,
  bitsMeter,
  boxMeter,
  type ClassNames,
  classNames,
  classNamesOf,
  type KindHints,
  type Labels,
  labelsOfCsv,
  labelsOfFolders,
  labelsOfNames,
  type Measure,
  type MetricMeter,
  type MetricModule,
  metricChoice,
  moduleMeter,
  type VerdictFacts,
} from '../evaluation/index.ts'
import { type Gallery, galleryOf } from './gallery/gallery.ts'

export interface JudgingOptions {
  /**
   * A CSV `file,label` or `index,label`; `name`: the file name up to its first `_`; `folder`: the folder that a file is in.
   * Needs `eval` or `calib`.
   */
  readonly labels?: string
  /** A file that names the model's classes in its order, for labels that are words. Default: the words of the data, sorted. */
  readonly classes?: string
  /** Keep samples to look at, for a picture report. */
  readonly pictures?: boolean
  /** What decides: top1, cosine, kl, snr, psnr, ssim, bits, boxes, or the path of a module. Default by kind of output. */
  readonly metric?: string
}

/** How outputs are judged besides the figures that are always measured. */
export interface Judging {
  /** What decides where no threshold is given. */
  readonly by?: NonNullable<VerdictFacts['by']>
  /** A metric of the task; `found` samples are in the data. */
  readonly meter?: (found: number, hints: KindHints) => MetricMeter
  /** Samples for people to look at, made anew for every candidate. */
  readonly gallery?: (found: number, hints: KindHints) => Gallery
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
  const labels = options.labels === undefined ? undefined : await labelsFor(options, options.labels)
  const shown: Pick<Judging, 'gallery'> =
    options.pictures === true
      ? { gallery: (found, hints) => galleryOf(hints, { found, ...(labels === undefined ? {} : { labels }) }) }
      : {}
  if (choice?.kind === 'module') {
    const metric = await metricModule(choice.path)
    return { by: 'module', meter: (found) => moduleMeter(metric, labels, found), ...shown }
  }
  if (choice?.name === 'bits') return { by: 'bits', meter: (_found, hints) => bitsMeter(hints), ...shown }
  if (choice?.name === 'boxes') return { by: 'boxes', meter: () => boxMeter(), ...shown }
  return {
    ...shown,
    ...(choice === undefined ? {} : { by: choice.name }),
    ...(labels === undefined ? {} : { meter: (found, hints) => accuracyMeter(labels, found, hints) }),
  }
}

function checkTogether({ labels, metric, noVerify, maxLoss, ...data }: Context, name: string | undefined): void {
  const wrong = (what: string, hint: string) => new TersorError('E_USAGE', what, { hint })
  if (noVerify === true && (labels !== undefined || metric !== undefined))
    throw wrong('labels and a metric are for the proof, which is skipped', 'leave out --no-verify')
  if (data.classes !== undefined && labels === undefined)
    throw wrong('the names of classes are for labels, and there are none', 'add --labels folder, name or a CSV')
  if (labels !== undefined && data.eval === undefined && data.calib === undefined)
    throw wrong('labels need the data they belong to', 'add --eval PATH')
  if (name === undefined || name === 'top1') return
  if (labels !== undefined)
    throw wrong(`the metric ${name} compares with float and has no use for labels`, 'use --metric top1, or no --labels')
  if (maxLoss !== undefined && !['cosine', 'bits', 'boxes'].includes(name))
    throw wrong(
      `the metric ${name} has no value for float to lose from`,
      'use --max-loss with top1, cosine, bits, boxes or a module',
    )
}

async function labelsFor({ eval: given, calib, classes }: Context, labels: string): Promise<Labels> {
  const found = await labelsOf(labels)
  const named = labels === 'name' || labels === 'folder'
  if (classes !== undefined)
    return { ...found, classes: classNamesOf(await textOf(classes, 'names of classes'), classes) }
  const data = given ?? calib
  const names = named && data !== undefined ? await wordsOf(data, labels === 'folder', found.where) : undefined
  return names === undefined ? found : { ...found, classes: names }
}

/** The words that label the data, sorted by character codes: the order in which training tools number folders. */
async function wordsOf(data: string, folders: boolean, where: string): Promise<ClassNames | undefined> {
  if (!(await stat(data).catch(() => undefined))?.isDirectory()) return undefined
  const words = new Set<string>()
  for (const path of await filesBelow(data)) {
    const word = folders ? basename(dirname(path)) : /^([^_]+)_/.exec(basename(path))?.[1]
    if (word !== undefined && (!folders || dirname(path) !== data.replace(/[\\/]+$/, ''))) words.add(word)
  }
  return classNames(
    [...words].sort().map((word) => [word]),
    where,
  )
}

async function labelsOf(path: string): Promise<Labels> {
  if (path === 'name') return labelsOfNames()
  if (path === 'folder') return labelsOfFolders()
  return labelsOfCsv(await textOf(path, 'labels'), path)
}

async function textOf(path: string, what: string): Promise<string> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new TersorError('E_USAGE', `${path}: no such file`, { where: path, cause })
  })
  if (found.isDirectory()) {
    throw new TersorError('E_USAGE', `${path} is a folder, expected a file with ${what}`, {
      where: path,
      hint: 'labels by folder: --labels folder; else a CSV with the columns file,label or index,label',
    })
  }
  if (found.size > LARGEST_CSV)
    throw new TersorError('E_LIMIT', `${path}: ${found.size} bytes; ${what} have at most ${LARGEST_CSV}`, {
      where: path,
    })
  const bytes = await readFile(path)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new TersorError('E_FORMAT', `${path}: expected text, found other content`, { where: path, cause })
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
