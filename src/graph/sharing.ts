import type { TensorRef } from '../model/graph.ts'
import type { SharedGroup, WeightFacts } from '../model/inventory.ts'
import {
  elementsOf,
  elementWidth,
  hashOf,
  matrixHash,
  type ReadRange,
  sameBytes,
  sameTransposed,
} from './compare-elements.ts'

/** Smaller constants are not worth a read; sharing them saves nothing. */
const LEAST_BYTES = 64
/** Bytes per probe of a tensor, taken at its start, middle and end. */
const PROBE_BYTES = 64
/** Elements compared before a matrix is held to be a possible transpose. */
const TRANSPOSE_PROBES = 2

/** Constants known to be equal; the first stands for all. */
interface EqualSet {
  readonly members: WeightFacts[]
  readonly transposed: Set<WeightFacts>
}

/**
 * Groups of constants with equal elements, of equal shape or each other's exact transpose (two axes, 2 or 4 bytes an element).
 *
 * Candidates share type and shape; a few probes of each, a fingerprint of all bytes where several remain, and an exact
 * comparison decide. Constants without a candidate are never read, and at most 32 MiB are held at a time.
 * Groups and members are in model order; members of one group may sit in different scopes.
 */
export async function findShared(
  weights: readonly WeightFacts[],
  readRange: ReadRange,
  leastBytes = LEAST_BYTES,
): Promise<readonly SharedGroup[]> {
  const readable = weights.filter((weight) => isReadable(weight) && weight.byteLength >= Math.max(1, leastBytes))
  const classes = groupBy(readable, ({ dtype, shape, byteLength }) => `${dtype} ${shape.join('x')} ${byteLength}`)
  const sets: EqualSet[] = []
  for (const alike of classes) {
    for (const members of await equalAmong(alike, readRange)) sets.push({ members, transposed: new Set() })
  }
  await joinTransposed(sets, readRange)
  const position = new Map(readable.map((weight, index) => [weight, index]))
  const groups = sets.filter(({ members }) => members.length > 1)
  groups.sort((a, b) => position.get(a.members[0]!)! - position.get(b.members[0]!)!)
  return groups.map(({ members, transposed }) => ({
    names: members.map((weight) => ({ name: weight.name, scope: weight.scope, transposed: transposed.has(weight) })),
  }))
}

function isReadable({ tensor, spelling }: WeightFacts): boolean {
  const { kind } = tensor.storage
  return spelling !== 'sparse' && (kind === 'span' || kind === 'bytes' || kind === 'field')
}

/** Splits constants of one type and shape into sets of equal ones; singles included. */
async function equalAmong(alike: readonly WeightFacts[], readRange: ReadRange): Promise<WeightFacts[][]> {
  if (alike.length === 1) return [[...alike]]
  const sets: WeightFacts[][] = []
  for (const probed of await groupByAsync(alike, (weight) => probe(weight, readRange))) {
    const hashed = probed.length > 2 ? await groupByAsync(probed, ({ tensor }) => hashOf(tensor, readRange)) : [probed]
    for (const bucket of hashed) sets.push(...(await equalExactly(bucket, readRange)))
  }
  return sets
}

async function equalExactly(bucket: readonly WeightFacts[], readRange: ReadRange): Promise<WeightFacts[][]> {
  const sets: WeightFacts[][] = []
  for (const weight of bucket) {
    let home: WeightFacts[] | undefined
    for (const set of sets) {
      const first = set[0]!.tensor
      if (isSameSpan(first.storage, weight.tensor.storage) || (await sameBytes(first, weight.tensor, readRange))) {
        home = set
        break
      }
    }
    if (home === undefined) sets.push([weight])
    else home.push(weight)
  }
  return sets
}

function isSameSpan(a: WeightFacts['tensor']['storage'], b: WeightFacts['tensor']['storage']): boolean {
  return a.kind === 'span' && b.kind === 'span' && a.source === b.source && a.start === b.start
}

async function probe({ tensor }: WeightFacts, readRange: ReadRange): Promise<string> {
  const { byteLength } = tensor.storage
  const starts = new Set([0, Math.floor(byteLength / 2), byteLength - PROBE_BYTES].map((start) => Math.max(0, start)))
  let text = ''
  for (const start of starts) {
    const bytes = await readRange(tensor, start, Math.min(byteLength, start + PROBE_BYTES))
    text += `${bytes.join()};`
  }
  return text
}

/** Joins sets whose first members are each other's transpose; the later set's members become the transposed ones. */
async function joinTransposed(sets: EqualSet[], readRange: ReadRange): Promise<void> {
  const matrices = sets.filter(({ members }) => isMatrix(members[0]!))
  const shapes = new Map<string, number>()
  for (const { members } of matrices) count(shapes, shapeKey(members[0]!, false))
  const earlier = new Map<string, EqualSet[]>()
  const hash = rememberedHash(readRange)
  for (const set of matrices) {
    const first = set.members[0]!
    const square = first.shape[0] === first.shape[1]
    if ((shapes.get(shapeKey(first, true)) ?? 0) < (square ? 2 : 1)) continue
    const twin = await findTwin(first, earlier.get(await signature(first, true, readRange)) ?? [], hash, readRange)
    if (twin === undefined) {
      const key = await signature(first, false, readRange)
      earlier.set(key, earlier.get(key) ?? [])
      earlier.get(key)!.push(set)
      continue
    }
    for (const member of set.members) twin.transposed.add(member)
    twin.members.push(...set.members)
    set.members.length = 0
  }
}

async function findTwin(
  weight: WeightFacts,
  candidates: readonly EqualSet[],
  hash: (tensor: TensorRef, flipped: boolean) => Promise<string>,
  readRange: ReadRange,
): Promise<EqualSet | undefined> {
  const flipped = candidates.length > 1 ? await hash(weight.tensor, true) : ''
  for (const candidate of candidates) {
    const { tensor } = candidate.members[0]!
    if (flipped !== '' && (await hash(tensor, false)) !== flipped) continue
    if (await sameTransposed(tensor, weight.tensor, readRange)) return candidate
  }
  return undefined
}

/** Fingerprints are taken once a tensor and direction: matrices whose probes all agree stay linear in their number. */
function rememberedHash(readRange: ReadRange): (tensor: TensorRef, flipped: boolean) => Promise<string> {
  const plain = new Map<TensorRef, Promise<string>>()
  const turned = new Map<TensorRef, Promise<string>>()
  return (tensor, flipped) => {
    const known = flipped ? turned : plain
    const made = known.get(tensor) ?? matrixHash(tensor, flipped, readRange)
    known.set(tensor, made)
    return made
  }
}

function shapeKey({ dtype, shape }: WeightFacts, flipped: boolean): string {
  const [rows = 1, columns = 1] = shape
  return flipped ? `${dtype} ${columns}x${rows}` : `${dtype} ${rows}x${columns}`
}

/** Shape and a few elements of a matrix, or of its transpose: equal for a matrix and the transpose of its transpose. */
async function signature(weight: WeightFacts, flipped: boolean, readRange: ReadRange): Promise<string> {
  const [storedRows = 1, storedColumns = 1] = weight.shape
  const [rows, columns] = flipped ? [storedColumns, storedRows] : [storedRows, storedColumns]
  const width = elementWidth(weight.tensor)
  let text = shapeKey(weight, flipped)
  for (let index = 0; index < TRANSPOSE_PROBES; index++) {
    const row = Math.floor(((2 * index + 1) * rows) / (2 * TRANSPOSE_PROBES))
    const column = (index * 7919 + 1) % columns
    const at = (flipped ? column * rows + row : row * columns + column) * width
    text += ` ${elementsOf(await readRange(weight.tensor, at, at + width), width)[0]}`
  }
  return text
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** A vector as a matrix is its own transpose byte for byte and another shape; it is left alone. */
function isMatrix({ shape, dtype }: WeightFacts): boolean {
  const wide = dtype === 'f32' || dtype === 'f16' || dtype === 'bf16'
  return wide && shape.length === 2 && shape.every((size) => size > 1)
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[][] {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return [...groups.values()]
}

async function groupByAsync<Item>(items: readonly Item[], keyOf: (item: Item) => Promise<string>): Promise<Item[][]> {
  const keys = new Map<Item, string>()
  for (const item of items) keys.set(item, await keyOf(item))
  return groupBy(items, (item) => keys.get(item)!)
}
