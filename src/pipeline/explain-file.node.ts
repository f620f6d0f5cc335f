import { existsSync } from 'node:fs'
import { fileSource } from '../bytes/file.node.ts'
import { TersorError } from '../errors.ts'
import { takeInventory } from '../graph/index.ts'
import { type LiftedModel, stored } from '../graph/liftings/index.ts'
import type { CodeRounding } from '../model/array-scheme.ts'
import type { Explanation } from '../model/explanation.ts'
import type { Inventory, WeightFacts } from '../model/inventory.ts'
import type { StageEvent } from '../model/tools.ts'
import { didYouMean } from '../near-names.ts'
import { toFloat } from './dequantize.ts'
import { openValues } from './dequantize-values.ts'
import { explain as explainValues } from './explain.ts'
import { fileValues, type GivenValues, MOST_VALUES, numberList, randomValues } from './explain-values.ts'
import { load } from './load.ts'
import { openModel } from './open-model.node.ts'
import { Phases } from './phases.ts'
import { readSmall } from './tensor-bytes.ts'
import { tensorKey } from './tensor-key.ts'

export interface ExplainFileOptions {
  /** `1,2,3`, or a file: .npy, or text with a number a line. */
  readonly values?: string
  /** `MODEL:NAME`, a weight of a model. */
  readonly tensor?: string
  readonly bits?: number
  readonly levels?: number
  readonly rounding?: CodeRounding
  readonly seed?: number
  /** `MIN,MAX`; default: the ends of the values. */
  readonly range?: string
  readonly onEvent?: (event: StageEvent) => void
  readonly signal?: AbortSignal
}

/** The steps of quantization on given numbers, on a weight of a model, or on 1000 random numbers. E_USAGE, E_FORMAT, E_NONFINITE. */
export async function explain(options: ExplainFileOptions = {}): Promise<Explanation> {
  const { values, tensor, bits, levels, rounding, seed } = options
  if (values !== undefined && tensor !== undefined) {
    throw new TersorError('E_USAGE', '--values and --tensor contradict each other', {
      where: '--values',
      hint: 'give one of them',
    })
  }
  const range = options.range === undefined ? undefined : rangeOf(options.range)
  const phases = new Phases(options.onEvent ?? (() => undefined))
  const kind = tensor !== undefined ? 'tensor' : values !== undefined ? 'values' : 'random'
  const given = await phases.time('read', () => givenValues(options))
  options.signal?.throwIfAborted()
  return phases.time('explain', async () =>
    explainValues(given.values, {
      ...(bits === undefined ? {} : { bits }),
      ...(levels === undefined ? {} : { levels }),
      ...(rounding === undefined ? {} : { rounding }),
      ...(seed === undefined ? {} : { seed }),
      ...(range === undefined ? {} : { range }),
      shape: given.shape,
      source: { kind, label: given.label, total: given.total },
    }),
  )
}

async function givenValues({ values, tensor, seed, signal }: ExplainFileOptions): Promise<GivenValues> {
  if (tensor !== undefined) return tensorValues(tensor, signal)
  if (values === undefined) return randomValues(seed ?? 0)
  if (existsSync(values)) {
    const source = fileSource(values)
    try {
      return await fileValues(source)
    } finally {
      await source.close?.()
    }
  }
  const numbers = numberList(values)
  if (numbers !== undefined) {
    return { values: Float32Array.from(numbers), shape: [numbers.length], label: '--values', total: numbers.length }
  }
  throw new TersorError('E_USAGE', `--values: neither numbers nor a file: "${values.slice(0, 200)}"`, {
    where: '--values',
    hint: 'write --values 0.1,-0.7,2 or name a .npy, .txt or .csv file',
  })
}

function rangeOf(text: string): { min: number; max: number } {
  const [min, max, ...rest] = numberList(text) ?? []
  if (min === undefined || max === undefined || rest.length > 0) {
    throw new TersorError('E_USAGE', `--range expects MIN,MAX, found "${text.slice(0, 80)}"`, {
      where: '--range',
      hint: 'write --range=-1,1',
    })
  }
  return { min, max }
}

async function tensorValues(text: string, signal?: AbortSignal): Promise<GivenValues> {
  const [path, name] = splitTensor(text)
  const opened = await openModel(path)
  try {
    const { model } = await load(opened.source, opened.openExternal, signal)
    const lifted = await toFloat(model)
    const inventory = await takeInventory(lifted.model, readSmall)
    const weight = weightNamed(name, path, inventory)
    const values = await openValues(recipeOf(weight, lifted))
    const rowLength = weight.shape.length < 2 ? 1 : weight.elementCount / (weight.shape[0] as number)
    const rows = Math.floor(Math.min(values.count, MOST_VALUES) / Math.max(1, rowLength))
    const part = new Float32Array(rows === 0 ? Math.min(values.count, MOST_VALUES) : rows * rowLength)
    values.fill(part, 0)
    const shape = rows === 0 || weight.shape.length < 2 ? [part.length] : [rows, ...weight.shape.slice(1)]
    return { values: part, shape, label: name, total: values.count }
  } finally {
    await opened.source.close?.()
  }
}

/** `MODEL:NAME` at the first colon before which there is a file, since names may hold colons and so may paths. */
function splitTensor(text: string): readonly [path: string, name: string] {
  const address = /^(https?:\/\/.*?\.onnx):(.+)$/.exec(text)
  if (address !== null) return [address[1] as string, address[2] as string]
  for (let colon = text.indexOf(':'); colon >= 0; colon = text.indexOf(':', colon + 1)) {
    const path = text.slice(0, colon)
    if (colon > 0 && colon < text.length - 1 && existsSync(path)) return [path, text.slice(colon + 1)]
  }
  throw new TersorError(
    'E_USAGE',
    `--tensor expects MODEL:NAME with a model that exists, found "${text.slice(0, 200)}"`,
    {
      where: '--tensor',
      hint: 'tersor inspect MODEL lists the names of its tensors',
    },
  )
}

const FLOATS: ReadonlySet<string> = new Set(['f32', 'f16', 'bf16', 'f64'])

function weightNamed(name: string, path: string, { weights }: Inventory): WeightFacts {
  const weight = weights.find((each) => each.name === name)
  if (weight === undefined) {
    const hint = didYouMean(
      name,
      weights.map((each) => each.name),
    )
    throw new TersorError('E_USAGE', `"${path}" has no constant tensor "${name.slice(0, 200)}"`, {
      where: '--tensor',
      hint: hint ?? `tersor inspect ${path} -v lists them`,
    })
  }
  if (!FLOATS.has(weight.dtype) || weight.tensor.storage.kind === 'opaque') {
    throw new TersorError('E_UNSUPPORTED', `"${name}" holds ${weight.dtype}; expected a tensor of floats`, {
      where: name,
    })
  }
  return weight
}

/** How the weight's floats come about, decoded where it is stored in codes. */
function recipeOf(weight: WeightFacts, { tensors }: LiftedModel) {
  const key = tensorKey(weight.scope, weight.name)
  const lifted = tensors.find(({ scope, name }) => tensorKey(scope, name) === key)
  return lifted?.recipe ?? stored(weight.tensor)
}
