import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { TersorError } from '../../errors.ts'
import type { Report, Verdict } from '../../model/report.ts'
import type { Tools } from '../../model/tools.ts'
import type { VariantFact, VariantsReport } from '../../model/variants-report.ts'
import { VERSION } from '../../version.ts'
import { writeModel } from '../dequantize.ts'
import { compressedSizes, sha256Of } from '../file-facts.node.ts'
import { isInforming } from '../informing.ts'
import { load } from '../load.ts'
import { modelFingerprint } from '../model-fingerprint.ts'
import { openModel } from '../open-model.node.ts'
import { Phases } from '../phases.ts'
import { type FileOptions, plainOptions, quantize, type SharedSource, toolsOf } from '../quantize-file.node.ts'
import { prepare } from '../run.ts'
import { browserLayout } from '../save.ts'
import { NodeStage } from '../stage.node.ts'
import { cardFor } from './card.ts'
import { configFor, type WrittenFile } from './config.ts'
import { type Dtype, dtypesOf, type Making, presetOf, usualSet } from './dtypes.ts'
import { FolderStage } from './folder-stage.node.ts'
import { loadingNotes } from './parts.ts'
import { type VariantSource, variantSource } from './source.node.ts'

export interface VariantsOptions extends Omit<FileOptions, 'to' | 'shared' | 'browserData' | 'lowering'> {
  /** Names of transformers.js, by commas: `fp16,q8,q4`. Default those that its pages and servers load most. */
  readonly set?: string
}

/** Compressing more than this takes minutes. */
const LARGEST_COMPRESSED = 512 << 20

interface Made {
  readonly fact: VariantFact
  readonly making: Making | null
  readonly warnings: readonly string[]
  readonly runtime?: Report['runtime']
  /** Of another variant with the same preset. */
  readonly written?: WrittenFile
}

/**
 * A folder as transformers.js loads it: each part of the model in each of the asked forms, from one reading of its structure and one
 * run of the float model, with configuration, tokenizer, licence and a model card. Each file is proven as `quantize` proves it; one whose
 * verdict is `refused` is left out unless `force`. The folder appears when all of it is there. E_USAGE, E_FORMAT, E_OUTPUT, E_UNSUPPORTED.
 */
export async function variants(
  input: string,
  output: string | undefined,
  options: VariantsOptions = {},
): Promise<VariantsReport> {
  const { set, ...rest } = options
  const dtypes = dtypesOf(set ?? usualSet())
  const source = variantSource(input)
  const tools = toolsOf(options)
  const phases = new Phases(tools.notify)
  const folder = output ?? join(dirname(input), `${basename(input).replace(/\.onnx$/i, '')}-variants`)
  const stage = new FolderStage(folder, { force: options.force ?? false, input: source.root })
  try {
    const made: Made[] = []
    for (const part of source.parts) {
      const { opened, prepared } = await openPart(part.path, tools, phases)
      const shared: SharedSource = { opened, prepared, runs: new Map() }
      try {
        for (const dtype of dtypes) {
          const note = `${part.name} as ${dtype.name}`
          const one = await phases.time(note, () =>
            variant(part, dtype, made, { ...rest, shared }, stage, source, tools),
          )
          made.push(one)
        }
      } finally {
        for (const run of shared.runs.values()) run.close()
        await opened.source.close?.()
      }
    }
    const report = reportFor(input, folder, source, made, plainOptions(options), phases)
    if (report.variants.every(({ file }) => file === undefined)) {
      stage.discard()
      return report
    }
    const beside = writeBeside(source, stage.path, made, report)
    const files = stage.publish()
    return {
      ...report,
      output: { ...report.output, files },
      copied: beside,
      peakBytes: process.resourceUsage().maxRSS * 1024,
    }
  } catch (thrown) {
    stage.discard()
    if (tools.signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
    throw thrown
  }
}

async function openPart(
  path: string,
  tools: Tools,
  phases: Phases,
): Promise<Pick<SharedSource, 'opened' | 'prepared'>> {
  const opened = await openModel(path)
  try {
    return { opened, prepared: await prepare(opened, tools, phases) }
  } catch (thrown) {
    await opened.source.close?.()
    throw thrown
  }
}

type Part = VariantSource['parts'][number]
type PartOptions = Omit<VariantsOptions, 'set'> & { readonly shared: SharedSource }

async function variant(
  part: Part,
  dtype: Dtype,
  before: readonly Made[],
  options: PartOptions,
  stage: FolderStage,
  source: VariantSource,
  tools: Tools,
): Promise<Made> {
  const name = `${part.name}${dtype.suffix}.onnx`
  const path = join(stage.path, 'onnx', name)
  const preset = presetOf(dtype)
  if (preset === undefined) throw new TersorError('E_INTERNAL', `no preset makes ${dtype.name}`)
  const known = before.find(
    ({ fact, making }) => fact.part === part.name && sameMaking(making, preset) && fact.files.length === 1,
  )
  if (known?.fact.file !== undefined) {
    copyFileSync(join(stage.path, known.fact.file), path)
    const file = `onnx/${name}`
    return {
      ...known,
      warnings: [],
      fact: { ...known.fact, dtype: dtype.name, file, files: [file] },
      written: { name, dtype: dtype.name, chunks: 0 },
    }
  }
  const made =
    preset === null ? await floatAgain(path, options, tools) : await quantized(part, path, preset, options, source)
  const { report, files, warnings } = made
  const common = {
    part: part.name,
    dtype: dtype.name,
    preset: preset?.to ?? 'none',
    bytesBefore: made.bytesBefore,
    decisions: report?.decisions ?? [],
  }
  if (files.length === 0) {
    const because = `${name} was left out: ${made.verdict.because}; --force writes it all the same`
    return {
      making: preset,
      fact: { ...common, files: [], bytes: made.bytes, verdict: made.verdict },
      warnings: [...warnings, because],
    }
  }
  const small = made.bytes <= LARGEST_COMPRESSED
  return {
    making: preset,
    fact: {
      ...common,
      file: `onnx/${name}`,
      files: files.map((file) => `onnx/${basename(file)}`),
      bytes: made.bytes,
      ...(small || options.compressed === true ? { compressed: await compressedSizes(files) } : {}),
      verdict: made.verdict,
      ...(report?.requires === undefined ? {} : { requires: report.requires }),
      ...(options.hashes === true ? { sha256: await sha256Of(path) } : {}),
    },
    warnings:
      small || options.compressed === true
        ? warnings
        : [...warnings, `${name} is large; --compressed measures its gzip and brotli sizes`],
    ...(report?.runtime === undefined ? {} : { runtime: report.runtime }),
    written: { name, dtype: dtype.name, chunks: files.length - 1 },
  }
}

/** Two names for the same options, such as q8 and int8. */
function sameMaking(one: Making | null, other: Making | null): boolean {
  return (
    one !== null &&
    other !== null &&
    one.to === other.to &&
    one.lowering === other.lowering &&
    one.attempts === other.attempts
  )
}

interface MadeFile {
  readonly files: readonly string[]
  readonly bytes: number
  readonly bytesBefore: number
  readonly verdict: Verdict
  readonly warnings: readonly string[]
  readonly report?: Report
}

async function quantized(
  part: Part,
  path: string,
  { to, lowering, attempts }: Making,
  options: PartOptions,
  source: VariantSource,
): Promise<MadeFile> {
  const { hashes: _hashes, compressed: _compressed, ...asked } = options
  const ask: FileOptions = {
    ...(attempts === undefined ? {} : { attempts }),
    ...asked,
    to,
    ...(lowering === undefined ? {} : { lowering }),
    browserData: true,
  }
  let report: Report
  const said: string[] = []
  try {
    report = await quantize(part.path, path, ask)
  } catch (thrown) {
    if (
      source.parts.length === 1 ||
      !isAboutData(thrown) ||
      (options.eval === undefined && options.calib === undefined)
    )
      throw thrown
    // Texts feed an encoder and not what decodes it: parts are proven one by one.
    const { eval: _eval, calib: _calib, labels: _labels, ...blind } = ask
    report = await quantize(part.path, path, blind)
    said.push(
      `${part.name}: the given data do not feed this part, so it was judged on synthetic inputs: ${thrown.message}`,
    )
  }
  const files = (report.output?.files ?? []).map((file) => join(dirname(path), basename(file)))
  return {
    files,
    bytes: report.output?.bytes ?? 0,
    bytesBefore: report.input.bytes,
    verdict: report.verdict as Verdict,
    warnings: [...said, ...report.warnings],
    report,
  }
}

function isAboutData(thrown: unknown): thrown is TersorError {
  return thrown instanceof TersorError && ['E_UNSUPPORTED', 'E_FORMAT', 'E_USAGE', 'E_RUNTIME'].includes(thrown.code)
}

/** The float model under its name in the folder; the same elements, proven by what it computes. */
async function floatAgain(path: string, { shared, shardSize }: PartOptions, tools: Tools): Promise<MadeFile> {
  const { input } = shared.prepared
  const stage = new NodeStage(path, { force: true, inputs: [] })
  try {
    const name = basename(path)
    const layout = await writeModel(input, stage, { name, ...browserLayout(shardSize) }, tools)
    const files = await stage.publish()
    const again = await openModel(path)
    try {
      const { model } = await load(again.source, again.openExternal, tools.signal)
      if ((await modelFingerprint(model, tools.signal)) !== (await modelFingerprint(input, tools.signal)))
        throw new TersorError('E_INTERNAL', `${name} was written and is not the model that was read`, { where: name })
    } finally {
      await again.source.close?.()
    }
    const verdict: Verdict = {
      status: 'proven',
      data: 'none',
      samples: 0,
      because: 'the float model itself: what was read back is what was written, element by element',
      outputs: [],
      worst: [],
      filled: [],
    }
    const bytes = layout.files.reduce((sum, file) => sum + file.byteLength, 0)
    return { files, bytes, bytesBefore: input.byteLength, verdict, warnings: [] }
  } catch (thrown) {
    await stage.discard()
    throw thrown
  }
}

/** Configuration, tokenizer, licence and card; gives what was copied. */
function writeBeside(
  source: VariantSource,
  folder: string,
  made: readonly Made[],
  report: VariantsReport,
): readonly string[] {
  for (const name of source.beside) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    copyFileSync(join(source.root, name), join(folder, name))
    // A source that may not be written is no reason for a folder that cannot be brought up to date.
    chmodSync(join(folder, name), 0o644)
  }
  if (withoutTokenizerConfig(source))
    writeFileSync(
      join(folder, 'tokenizer_config.json'),
      `${JSON.stringify({ tokenizer_class: 'PreTrainedTokenizerFast' }, null, 2)}\n`,
    )
  if (source.config !== undefined) {
    const config = configFor(
      source.config,
      made.flatMap(({ written }) => written ?? []),
    )
    writeFileSync(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
  }
  writeFileSync(join(folder, 'README.md'), cardFor(report, source.card, source.config))
  return [...(source.config === undefined ? [] : ['config.json']), ...source.beside]
}

/** Each remark once, with the files it is about where it is not about all. */
function warningsOf(made: readonly Made[]): readonly string[] {
  const about = new Map<string, string[]>()
  for (const { fact, warnings } of made) {
    const name = basename(fact.file ?? `${fact.part} ${fact.dtype}`)
    for (const text of warnings) about.set(text, [...(about.get(text) ?? []), name])
  }
  const all = made.filter(({ fact }) => fact.dtype !== 'fp32').length
  return [...about].map(([text, names]) =>
    names.length >= all || isInforming(text) || names.some((name) => text.startsWith(name))
      ? text
      : `${names.join(', ')}: ${text}`,
  )
}

/** transformers.js reads both, and `tokenizer.json` says all that matters. */
function withoutTokenizerConfig({ beside }: VariantSource): boolean {
  return beside.includes('tokenizer.json') && !beside.includes('tokenizer_config.json')
}

function reportFor(
  input: string,
  folder: string,
  source: VariantSource,
  made: readonly Made[],
  options: Readonly<Record<string, unknown>>,
  phases: Phases,
): VariantsReport {
  const parts = source.parts.map(({ name }) => name)
  const { license, config } = source
  const warnings = [
    ...new Set([
      ...warningsOf(made),
      ...(config === undefined ? [`there is no config.json beside ${input}, and transformers.js needs one`] : []),
      ...(withoutTokenizerConfig(source)
        ? [
            'tokenizer_config.json was not there, and transformers.js needs one: it says only that tokenizer.json holds everything',
          ]
        : []),
      ...loadingNotes(parts, config ?? {}),
      ...(license.file === undefined && license.name === undefined
        ? ['no licence was found beside the model: say under which one these files may be used']
        : []),
      ...(license.file === undefined && license.name !== undefined
        ? [`the licence is only named by the model card (${license.name}): its text was not there to be copied`]
        : []),
    ]),
  ]
  const notes = warnings.filter(isInforming)
  const runtime = made.find((one) => one.runtime !== undefined)?.runtime
  return {
    tersor: VERSION,
    schema: 1,
    command: 'variants',
    input: { path: input, parts },
    output: {
      path: folder,
      bytes: made.reduce((sum, { fact }) => sum + (fact.file === undefined ? 0 : fact.bytes), 0),
      files: [],
    },
    options,
    variants: made.map(({ fact }) => fact),
    copied: [],
    license,
    ...(runtime === undefined ? {} : { runtime }),
    phases: phases.list,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    warnings,
    ...(notes.length === 0 ? {} : { notes }),
  }
}
