import { applyEdits, freshNames, opsetOf } from '../graph/index.ts'
import type { Model, Node, TensorRef } from '../model/graph.ts'
import type { GraphEdit } from '../model/graph-edit.ts'
import type { Feeds, RuntimeSession, Value } from '../model/runtime.ts'
import type { Tools } from '../model/tools.ts'
import { emulatedActivations } from './emulate.ts'
import type { FloatRun } from './evidence.ts'
import { decodeWeight, partReader } from './reference.ts'
import type { Decided } from './run.ts'
import type { Saved } from './save.ts'
import type { Stage } from './stage.ts'
import { tensorKey } from './tensor-key.ts'

/** A float graph in which the change of each weight (and of the activations it multiplies) is switched by an input of its own. */
export interface SwitchedModel {
  readonly model: Model
  /** Name of the boolean input of each weight, by `tensorKey`. */
  readonly switches: ReadonlyMap<string, string>
}

/** Where needs opset 9. */
const LEAST_OPSET = 9

/**
 * Builds the switched graph: every changed weight becomes Where(switch, decoded, float), every activation of an integer
 * product Where(switch, quantized and dequantized, float). `only`: keys of the weights that get a switch; the others stay float.
 * Null when the opset has no Where.
 */
export async function switchedModel(
  decided: Decided,
  saved: Saved,
  stage: Stage,
  tools: Tools,
  only?: ReadonlySet<string>,
): Promise<SwitchedModel | null> {
  const opset = opsetOf(decided.model) ?? 0
  if (opset < LEAST_OPSET) return null
  const read = partReader(saved, stage)
  const fresh = freshNames(decided.model)
  const edits: GraphEdit[] = []
  const switches = new Map<string, string>()
  const products = new Map<Node, { readonly scope: readonly string[]; readonly nodes: Node[] }>()
  for (const lowered of decided.weights) {
    const { weight } = lowered.work
    const key = tensorKey(weight.scope, weight.name)
    if (only !== undefined && !only.has(key)) continue
    const flag = fresh('switch')
    switches.set(key, flag)
    const [plain, changed] = [fresh(`${weight.name}.float`), fresh(`${weight.name}.decoded`)]
    const bytes = await decodeWeight(lowered, read, tools.kernels)
    const decodedTensor: TensorRef = {
      name: changed,
      dtype: weight.dtype,
      shape: weight.shape,
      storage: { kind: 'bytes', bytes, byteLength: bytes.length },
    }
    const { carrier: _carrier, ...float } = weight.tensor
    edits.push({
      scope: weight.scope,
      addInitializers: [{ ...float, name: plain }, decodedTensor],
      prepend: [make('Where', [flag, changed, plain], [weight.name])],
      ...(weight.constantNode
        ? { replace: new Map([[weight.constantNode, []]]) }
        : { removeInitializers: [weight.name] }),
      ...(weight.spelling === 'initializer-input' ? { removeInputs: [weight.name] } : {}),
    })
    for (const { use, value, nodes, constants } of emulatedActivations(lowered.work, { opset, fresh })) {
      const input = use.node.inputs[0] ?? ''
      const chosen = fresh(`${input}.w`)
      const product = { ...use.node, inputs: [chosen, ...use.node.inputs.slice(1)] }
      products.set(use.node, {
        scope: use.scope,
        nodes: [...nodes, make('Where', [flag, value, input], [chosen]), product],
      })
      edits.push({ scope: use.scope, addInitializers: constants })
    }
  }
  for (const [node, { scope, nodes }] of products) edits.push({ scope, replace: new Map([[node, nodes]]) })
  const edited = applyEdits(withInputs(decided.model, [...switches.values()]), edits)
  return { model: edited, switches }
}

function withInputs(model: Model, names: readonly string[]): Model {
  const inputs = [...model.graph.inputs, ...names.map((name) => ({ name, dtype: 'bool' as const, shape: [] }))]
  return { ...model, graph: { ...model.graph, inputs } }
}

function make(op: string, inputs: readonly string[], outputs: readonly string[]): Node {
  return { name: '', op, domain: '', inputs, outputs, attributes: [] }
}

/** Samples looked at: what one layer does to the outputs hardly depends on the sample. */
const SAMPLES = 2
/** With more weights than this, one sample has to do. */
const MANY = 40

/**
 * Noise that each change alone adds: the largest, over float outputs, of |changed - float|^2 / |float|^2. By `tensorKey`.
 */
export async function noiseOf(
  session: RuntimeSession,
  switched: SwitchedModel,
  float: FloatRun,
  tools: Tools,
): Promise<ReadonlyMap<string, number>> {
  const samples = float.evidence.samples.slice(0, switched.switches.size > MANY ? 1 : SAMPLES)
  const off = Uint8Array.of(0)
  const flags: Record<string, Value> = {}
  for (const name of switched.switches.values()) flags[name] = { dtype: 'bool', shape: [], data: off }
  const plain: Feeds[] = []
  for (const sample of samples) plain.push(await session.run({ ...sample.feeds, ...flags }, tools.signal))
  const noise = new Map<string, number>()
  let done = 0
  for (const [key, name] of switched.switches) {
    tools.notify({ phase: 'sensitivity', done, total: switched.switches.size, note: key })
    const sums = new Map<string, { noise: number; energy: number }>()
    for (const [i, sample] of samples.entries()) {
      const on = {
        ...sample.feeds,
        ...flags,
        [name]: { dtype: 'bool', shape: [], data: Uint8Array.of(1) },
      } satisfies Feeds
      addNoise(sums, plain[i] as Feeds, await session.run(on, tools.signal))
    }
    let worst = 0
    for (const sum of sums.values()) if (sum.energy > 0) worst = Math.max(worst, sum.noise / sum.energy)
    noise.set(key, Number.isFinite(worst) ? worst : 1)
    done++
  }
  return noise
}

function addNoise(sums: Map<string, { noise: number; energy: number }>, float: Feeds, changed: Feeds): void {
  for (const [name, value] of Object.entries(float)) {
    const other = changed[name]
    if (value.dtype !== 'f32' || !(value.data instanceof Uint8Array) || !(other?.data instanceof Uint8Array)) continue
    if (value.data.length !== other.data.length) continue
    const a = floats(value.data)
    const b = floats(other.data)
    const sum = sums.get(name) ?? { noise: 0, energy: 0 }
    for (let i = 0; i < a.length; i++) {
      const x = a[i] as number
      const difference = (b[i] as number) - x
      sum.noise += difference * difference
      sum.energy += x * x
    }
    sums.set(name, sum)
  }
}

function floats(bytes: Uint8Array): Float32Array {
  if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  return new Float32Array(bytes.slice().buffer)
}
