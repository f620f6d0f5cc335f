import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { TersorError } from '../../errors.ts'
import type { Tools } from '../../model/tools.ts'
import type { VariantsReport } from '../../model/variants-report.ts'
import { VERSION } from '../../version.ts'
import { isInforming } from '../informing.ts'
import { openModel } from '../open-model.node.ts'
import { Phases } from '../phases.ts'
import { plainOptions, type SharedSource, toolsOf } from '../quantize-file.node.ts'
import { prepare } from '../run.ts'
import { cardFor } from './card.ts'
import { configFor } from './config.ts'
import { dtypesOf, usualSet } from './dtypes.ts'
import { FolderStage } from './folder-stage.node.ts'
import { type Made, type VariantsOptions, variant } from './make-variant.node.ts'
import { loadingNotes } from './parts.ts'
import { type VariantSource, variantSource } from './source.node.ts'

export type { VariantsOptions } from './make-variant.node.ts'

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
  const tools = await toolsOf(options)
  const phases = new Phases(tools.notify)
  const own = resolve(input)
  const folder = output ?? join(dirname(own), `${basename(own).replace(/\.onnx$/i, '')}-variants`)
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
