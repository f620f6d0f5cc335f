import { TersorError } from '../../errors.ts'
import type { ActivationGrid, ActivationPoint, Placement, StaticProduct } from '../../model/activation.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { makeNode } from './make.ts'
import type { CodedValue } from './placed-product.ts'
import type { SharedScalars } from './shared-scalars.ts'
import { dynamicCodes, dynamicWideCodes, type MadeCodes, wideCodes } from './wide-codes.ts'

interface Pair {
  readonly point: ActivationPoint
  readonly grid: ActivationGrid
  readonly scale: string
  readonly zero: string
  /** Where the float is computed; the value's own name when readers other than products keep it. */
  readonly float: string
  readonly codes: string
  readonly decoded: string
  /** False: only codes are read. */
  decodes: boolean
}

/** Makes the codes of every value that a placement rounds, once; points of one group share scale and zero. */
export class PairMaker {
  readonly constants: TensorRef[] = []
  readonly #pairs = new Map<string, Pair>()
  readonly #wide = new Map<string, MadeCodes>()
  readonly #dynamic = new Map<string, MadeCodes>()
  readonly #dynamicWide = new Map<string, MadeCodes>()

  /** `kept`: values that something else than integer products reads. */
  constructor(
    placement: Placement,
    kept: ReadonlySet<string>,
    grids: ReadonlyMap<string, ActivationGrid>,
    scalars: SharedScalars,
    fresh: (base: string) => string,
  ) {
    const shared = new Map<string, { readonly scale: string; readonly zero: string }>()
    for (const point of placement.points) {
      const grid = grids.get(point.group)
      if (grid === undefined) {
        throw new TersorError('E_PLAN', `expected a grid for the group "${point.group}", found none`, {
          where: `value "${point.value}"`,
        })
      }
      if (point.precision === 'wide') {
        const float = this.#pairs.get(point.value)?.float ?? point.value
        this.#wide.set(point.value, wideCodes(float, grid, scalars, fresh))
        continue
      }
      const names = shared.get(point.group) ?? this.#gridTensors(point.group, grid, fresh)
      shared.set(point.group, names)
      const all = point.readers === 'all'
      this.#pairs.set(point.value, {
        point,
        grid,
        ...names,
        float: all ? fresh(`${point.value}/float`) : point.value,
        codes: fresh(`${point.value}/codes`),
        decoded: all ? point.value : fresh(`${point.value}/rounded`),
        decodes: all && kept.has(point.value),
      })
    }
    for (const { operands, form } of placement.products) {
      for (const name of operands) {
        if (form === 'qdq') this.#pair(name).decodes = true
        if (form === 'dynamic' && !this.#dynamic.has(name)) this.#dynamic.set(name, dynamicCodes(name, fresh))
        if (form === 'dynamic-wide' && !this.#dynamicWide.has(name)) {
          this.#dynamicWide.set(name, dynamicWideCodes(name, scalars, fresh))
        }
        const pair = this.#pairs.get(name)
        // Where the name is that of the rounded value, they read that one.
        if ((form === 'dynamic' || form === 'dynamic-wide') && pair?.point.readers === 'all') pair.decodes = true
      }
    }
  }

  grid(value: string): ActivationGrid {
    return this.#pair(value).grid
  }

  /** What an integer product with a float result reads. */
  codedOf(value: string, form: StaticProduct['form']): CodedValue {
    if (form !== 'wide' && form !== 'dynamic' && form !== 'dynamic-wide') {
      const { codes, zero, grid } = this.#pair(value)
      return { parts: [{ codes, zero, factor: 1 }], scale: grid.scale }
    }
    const made = { wide: this.#wide, dynamic: this.#dynamic, 'dynamic-wide': this.#dynamicWide }[form].get(value)
    if (made === undefined) throw new TersorError('E_INTERNAL', `no ${form} codes are made of "${value}"`)
    return made.coded
  }

  /** The rounded value for a product to read. */
  decodedOf(value: string): string {
    return this.#pair(value).decoded
  }

  /** Pairs of graph inputs, which come before everything. */
  prepended(model: Model): readonly Node[] {
    return model.graph.inputs.flatMap(({ name }) => this.#made(name))
  }

  /** The nodes with their rounded results: outputs renamed, pairs behind. */
  after(nodes: readonly Node[], original: Node): readonly Node[] {
    const made = original.outputs.flatMap((name) => this.#made(name))
    if (made.length === 0) return nodes
    const pairs = original.outputs.map((name) => this.#pairs.get(name)).filter((pair) => pair !== undefined)
    const renames = new Map(pairs.map(({ point, float }) => [point.value, float]))
    const renamed = nodes.map((node) =>
      node.outputs.some((name) => (renames.get(name) ?? name) !== name)
        ? { ...node, outputs: node.outputs.map((name) => renames.get(name) ?? name) }
        : node,
    )
    return [...renamed, ...made]
  }

  /** All codes of a value, in the order in which they may read one another. */
  #made(value: string): readonly Node[] {
    const pair = this.#pairs.get(value)
    const others = [this.#wide, this.#dynamic, this.#dynamicWide].flatMap((one) => one.get(value)?.nodes ?? [])
    return [...(pair === undefined ? [] : this.#nodes(pair)), ...others]
  }

  #pair(value: string): Pair {
    const pair = this.#pairs.get(value)
    if (pair === undefined) {
      throw new TersorError('E_INTERNAL', `a product reads "${value}" as codes, but no point rounds it`)
    }
    return pair
  }

  #nodes({ float, codes, decoded, scale, zero, decodes }: Pair): readonly Node[] {
    const quantize = makeNode('QuantizeLinear', [float, scale, zero], [codes])
    return decodes ? [quantize, makeNode('DequantizeLinear', [codes, scale, zero], [decoded])] : [quantize]
  }

  #gridTensors(group: string, grid: ActivationGrid, fresh: (base: string) => string): { scale: string; zero: string } {
    const [scale, zero] = [fresh(`${group}/scale`), fresh(`${group}/zero`)]
    const wide = grid.type === 'u16' || grid.type === 'i16'
    const bytes = new Uint8Array(wide ? 2 : 1)
    const view = new DataView(bytes.buffer)
    if (wide) view.setUint16(0, grid.zero & 65535, true)
    else view.setUint8(0, grid.zero & 255)
    const four = new Uint8Array(4)
    new DataView(four.buffer).setFloat32(0, grid.scale, true)
    this.constants.push({
      name: scale,
      dtype: 'f32',
      shape: [],
      storage: { kind: 'bytes', bytes: four, byteLength: 4 },
    })
    const storage = { kind: 'bytes', bytes, byteLength: bytes.byteLength } as const
    this.constants.push({ name: zero, dtype: grid.type, shape: [], storage })
    return { scale, zero }
  }
}
