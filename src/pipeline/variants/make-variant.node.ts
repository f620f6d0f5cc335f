import { copyFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { TersorError } from '../../errors.ts'
import type { Report } from '../../model/report.ts'
import type { Tools } from '../../model/tools.ts'
import type { VariantFact } from '../../model/variants-report.ts'
import { compressedSizes, sha256Of } from '../file-facts.node.ts'
import type { FileOptions, SharedSource } from '../quantize-file.node.ts'
import type { WrittenFile } from './config.ts'
import { type Dtype, type Making, makingsOf } from './dtypes.ts'
import type { FolderStage } from './folder-stage.node.ts'
import { floatAgain, type MadeFile, quantized } from './make-file.node.ts'
import type { VariantSource } from './source.node.ts'

export interface VariantsOptions extends Omit<FileOptions, 'to' | 'shared' | 'browserData' | 'lowering'> {
  /** Names of transformers.js, by commas: `fp16,q8,q4`. Default those that its pages and servers load most. */
  readonly set?: string
}

/** Compressing more than this takes minutes. */
const LARGEST_COMPRESSED = 512 << 20

export interface Made {
  readonly fact: VariantFact
  readonly making: Making | null
  readonly warnings: readonly string[]
  readonly runtime?: Report['runtime']
  /** Of another variant with the same preset. */
  readonly written?: WrittenFile
}

export type Part = VariantSource['parts'][number]
export type PartOptions = Omit<VariantsOptions, 'set'> & { readonly shared: SharedSource }

/** One dtype of one part, by the first of its makings that is not refused. */
export async function variant(
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
  const makings = makingsOf(dtype)
  if (makings === undefined) throw new TersorError('E_INTERNAL', `no preset makes ${dtype.name}`)
  if (makings === null) return madeOf(part, dtype, null, path, await floatAgain(path, options, tools), options)
  const refusals: string[] = []
  for (const [at, making] of makings.entries()) {
    const known = reused(part, dtype, making, before, stage)
    if (known !== undefined) return { ...known, warnings: refusals }
    const last = at === makings.length - 1
    // By force the last one is written; before it, a better one is tried.
    const made = await quantized(part, path, making, last ? options : { ...options, force: false }, source)
    if (made.files.length > 0 || last) {
      const one = await madeOf(part, dtype, making, path, made, options)
      return { ...one, warnings: [...refusals, ...one.warnings] }
    }
    refusals.push(
      `${dtype.name} by ${wordsOf(making)} was refused: ${made.verdict.because}; made by ${wordsOf(makings[at + 1]!)} instead`,
    )
  }
  throw new TersorError('E_INTERNAL', `nothing made ${dtype.name}`)
}

const wordsOf = ({ to, lowering }: Making): string => (lowering === undefined ? to : `${to}, ${lowering}`)

/** The same options under another name: the same bytes. */
function reused(
  part: Part,
  dtype: Dtype,
  making: Making,
  before: readonly Made[],
  stage: FolderStage,
): Made | undefined {
  const name = `${part.name}${dtype.suffix}.onnx`
  const known = before.find(
    ({ fact, making: other }) => fact.part === part.name && sameMaking(other, making) && fact.files.length === 1,
  )
  if (known?.fact.file === undefined) return undefined
  copyFileSync(join(stage.path, known.fact.file), join(stage.path, 'onnx', name))
  const file = `onnx/${name}`
  return {
    ...known,
    warnings: [],
    fact: { ...known.fact, dtype: dtype.name, file, files: [file] },
    written: { name, dtype: dtype.name, chunks: 0 },
  }
}

/** What is said of one file. */
async function madeOf(
  part: Part,
  dtype: Dtype,
  making: Making | null,
  path: string,
  made: MadeFile,
  options: PartOptions,
): Promise<Made> {
  const name = basename(path)
  const { report, files, warnings } = made
  const common = {
    part: part.name,
    dtype: dtype.name,
    preset: making?.to ?? 'none',
    bytesBefore: made.bytesBefore,
    decisions: report?.decisions ?? [],
  }
  if (files.length === 0) {
    const because = `${name} was left out: ${made.verdict.because}; --force writes it all the same`
    return {
      making,
      fact: { ...common, files: [], bytes: made.bytes, verdict: made.verdict },
      warnings: [...warnings, because],
    }
  }
  const small = made.bytes <= LARGEST_COMPRESSED
  return {
    making,
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
  return one !== null && other !== null && one.to === other.to && one.lowering === other.lowering
}
