import type { DType } from '../../model/dtype.ts'
import type { Model, Node } from '../../model/graph.ts'
import { intAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall, smallIntegers } from '../constant-nodes.ts'
import type { Connections, Definition } from '../consumers.ts'
import { isStandard, type Scope } from '../walk.ts'
import { inferShape, type KnownShape } from './infer-shape.ts'

/** Numbers of element types that Cast names, as TensorProto.DataType counts them. */
const ELEMENT_TYPES: ReadonlyMap<number, DType> = new Map([
  [1, 'f32'],
  [2, 'u8'],
  [3, 'i8'],
  [4, 'u16'],
  [5, 'i16'],
  [6, 'i32'],
  [7, 'i64'],
  [9, 'bool'],
  [10, 'f16'],
  [11, 'f64'],
  [12, 'u32'],
  [13, 'u64'],
  [16, 'bf16'],
])

export function elementTypeOf(code: number): DType | undefined {
  return ELEMENT_TYPES.get(code)
}

/** Operators whose first output has the type of their first input. */
const SAME_TYPE = new Set(
  (
    'Abs Add AveragePool BatchNormalization Ceil Clip Concat Conv ConvTranspose Div Dropout Elu Erf Exp Expand Flatten Floor ' +
    'Gather Gemm GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization ' +
    'LeakyRelu Log MatMul Max MaxPool Min Mul Neg PRelu Pad Pow Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum Relu ' +
    'Reshape Resize Round Selu Sigmoid Slice Softmax Softplus Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Unsqueeze'
  ).split(' '),
)

const KNOWN = new WeakMap<Connections, { readonly model: Model; readonly values: KnownValues }>()

/**
 * Types and shapes of the values of a model: from its inputs and constants on, node by node. Sizes that a file declares for
 * values between are not believed (people edit inputs and leave the rest), only their rank and type; sizes of inputs of the
 * main graph are, since runtimes refuse others.
 */
export class KnownValues {
  readonly #connections: Connections
  readonly #shapes = new Map<Definition, KnownShape>()
  readonly #types = new Map<Definition, DType>()
  readonly #integers = new Map<Definition, readonly number[]>()

  /** Once for each model, as connections are. */
  static async of(model: Model, connections: Connections, read: ReadSmall): Promise<KnownValues> {
    const found = KNOWN.get(connections)
    if (found?.model === model) return found.values
    const values = await KnownValues.#of(model, connections, read)
    KNOWN.set(connections, { model, values })
    return values
  }

  static async #of(model: Model, connections: Connections, read: ReadSmall): Promise<KnownValues> {
    const known = new KnownValues(connections)
    for (const scope of connections.scopes) {
      known.#declare(model, scope)
      for (const definition of connections.own(scope).values()) await known.#constant(definition, read)
      for (const node of scope.nodes) known.#infer(scope, node)
    }
    return known
  }

  private constructor(connections: Connections) {
    this.#connections = connections
  }

  shape(scope: Scope, name: string): KnownShape | undefined {
    const definition = this.#connections.resolve(scope, name)
    return definition && this.#shapes.get(definition)
  }

  rank(scope: Scope, name: string): number | undefined {
    return this.shape(scope, name)?.length
  }

  dtype(scope: Scope, name: string): DType | undefined {
    const definition = this.#connections.resolve(scope, name)
    return definition && this.#types.get(definition)
  }

  /** Values of a small integer constant. */
  integers(scope: Scope, name: string): readonly number[] | undefined {
    const definition = this.#connections.resolve(scope, name)
    return definition && this.#integers.get(definition)
  }

  #declare(model: Model, scope: Scope): void {
    if (scope.graph === null) return
    const own = this.#connections.own(scope)
    const { inputs, outputs, values } = scope.graph
    for (const { name, dtype, shape } of [...values, ...outputs, ...inputs]) {
      const definition = own.get(name)
      if (definition === undefined) continue
      const isFed = scope.graph === model.graph && definition.kind === 'input'
      const size = (given: number | string | null): number | null => (isFed && typeof given === 'number' ? given : null)
      if (shape !== undefined) this.#shapes.set(definition, shape.map(size))
      if (dtype !== undefined) this.#types.set(definition, dtype)
    }
  }

  async #constant(definition: Definition, read: ReadSmall): Promise<void> {
    const tensor = constantTensor(definition)
    if (tensor === null) return
    this.#types.set(definition, tensor.dtype)
    this.#shapes.set(definition, tensor.shape)
    const values = await smallIntegers(tensor, read)
    if (values !== null) this.#integers.set(definition, values)
  }

  #infer(scope: Scope, node: Node): void {
    if (!isStandard(node) || node.op === 'Constant') return
    const inputs = node.inputs.map((name) => this.#connections.resolve(scope, name))
    const shapes = inputs.map((one) => one && this.#shapes.get(one))
    const integers = inputs.map((one) => (one && this.#integers.get(one)) ?? null)
    for (const [index, name] of node.outputs.entries()) {
      const output = this.#connections.own(scope).get(name)
      if (output?.node !== node) continue
      const shape = inferShape(node, { shapes, integers }, index)
      const declared = this.#shapes.get(output)
      // Two ranks for one value: neither is believed.
      if (shape !== undefined && declared !== undefined && declared.length !== shape.length) this.#shapes.delete(output)
      else if (shape !== undefined) this.#shapes.set(output, shape)
      const type = this.#typeOf(node, inputs[0], index)
      if (type !== undefined) this.#types.set(output, type)
    }
  }

  #typeOf(node: Node, first: Definition | undefined, output: number): DType | undefined {
    if (node.op === 'Split') return first && this.#types.get(first)
    if (output !== 0) return undefined
    if (node.op === 'Cast') return ELEMENT_TYPES.get(intAttribute(node, 'to', 0))
    if (node.op === 'Shape' || node.op === 'Size') return 'i64'
    return first !== undefined && SAME_TYPE.has(node.op) ? this.#types.get(first) : undefined
  }
}
