import type { DType } from '../../../model/dtype.ts'
import type { Model, Node, TensorRef, ValueInfo } from '../../../model/graph.ts'
import { intAttribute, intsAttribute } from '../../attributes.ts'
import { constantTensor } from '../../constant-nodes.ts'
import type { Connections, Definition } from '../../consumers.ts'
import { isStandard, type Scope } from '../../walk.ts'

/** Longest chain of nodes that is followed for a rank or a type. */
const HOPS = 64

/** Operators whose first output has the rank and type of their first input. */
const SAME = new Set([
  ...[
    'Abs',
    'Ceil',
    'Clip',
    'Dropout',
    'Elu',
    'Erf',
    'Exp',
    'Floor',
    'HardSigmoid',
    'Identity',
    'InstanceNormalization',
  ],
  ...[
    'LRN',
    'LayerNormalization',
    'LeakyRelu',
    'Log',
    'LogSoftmax',
    'MaxPool',
    'AveragePool',
    'GlobalAveragePool',
    'Neg',
  ],
  ...[
    'GlobalMaxPool',
    'Relu',
    'Selu',
    'Sigmoid',
    'Slice',
    'Softmax',
    'Softplus',
    'Sqrt',
    'Tanh',
    'ThresholdedRelu',
    'Pad',
  ],
  ...['BatchNormalization', 'Concat', 'Conv', 'ConvTranspose', 'PRelu', 'Upsample', 'Resize', 'Split', 'Transpose'],
])

/** Operators whose first output has the type of their first input, but may have another rank. */
const SAME_TYPE = new Set([
  ...[
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Pow',
    'MatMul',
    'Gemm',
    'Max',
    'Min',
    'Mean',
    'Sum',
    'Flatten',
    'Reshape',
    'Squeeze',
  ],
  ...[
    'Unsqueeze',
    'Expand',
    'Tile',
    'Gather',
    'GatherElements',
    'GatherND',
    'ReduceMax',
    'ReduceMean',
    'ReduceMin',
    'ReduceSum',
  ],
  ...['LSTM', 'GRU', 'RNN', 'TopK', 'DepthToSpace', 'SpaceToDepth', 'Compress', 'ReduceL2', 'ReduceProd'],
])

const CAST_TYPES = new Map<number, DType>([
  [1, 'f32'],
  [10, 'f16'],
  [11, 'f64'],
  [16, 'bf16'],
])

const FLOATS: ReadonlySet<DType> = new Set(['f32', 'f16', 'f64', 'bf16'])

/** What a model says about its values: declared types, and what follows from operators over short chains. */
export class ValueFacts {
  readonly #connections: Connections
  readonly #declared = new Map<Scope, Map<string, ValueInfo>>()
  readonly #onlyF32: boolean

  constructor(model: Model, connections: Connections) {
    this.#connections = connections
    for (const scope of connections.scopes) {
      const { graph } = scope
      const values = graph === null ? [] : [...graph.values, ...graph.outputs, ...graph.inputs]
      this.#declared.set(scope, new Map(values.map((value) => [value.name, value])))
    }
    this.#onlyF32 = model.functions.length === 0 && !this.#mentionsOtherFloats()
  }

  rank(scope: Scope, name: string): number | undefined {
    return this.#follow(scope, name, (definition, info) => {
      if (info?.shape !== undefined) return { found: info.shape.length }
      if (definition.tensor !== null) return { found: definition.tensor.shape.length }
      const { node } = definition
      if (node === null || !isStandard(node)) return { found: undefined }
      if (node.op === 'Gemm' || node.op === 'Flatten') return { found: 2 }
      const constant = constantTensor(definition)
      if (constant !== null) return { found: constant.shape.length }
      if (node.op === 'Transpose') {
        const order = intsAttribute(node, 'perm')
        if (order !== undefined) return { found: order.length }
      }
      if (node.op === 'Reshape') return { found: this.#constant(definition.scope, node.inputs[1])?.shape[0] }
      if (node.op === 'Conv') {
        const rank = this.#constant(definition.scope, node.inputs[1])?.shape.length
        if (rank !== undefined) return { found: rank }
      }
      return definition.outputIndex === 0 && SAME.has(node.op) ? { next: node.inputs[0] ?? '' } : { found: undefined }
    })
  }

  floatType(scope: Scope, name: string): DType | undefined {
    if (this.#onlyF32) return 'f32'
    const found = this.#follow(scope, name, (definition, info) => {
      if (info?.dtype !== undefined) return { found: info.dtype }
      if (definition.tensor !== null) return { found: definition.tensor.dtype }
      const { node } = definition
      if (node === null || !isStandard(node)) return { found: undefined }
      const constant = constantTensor(definition)
      if (constant !== null) return { found: constant.dtype }
      if (node.op === 'Cast') return { found: CAST_TYPES.get(intAttribute(node, 'to', 0)) }
      const same = definition.outputIndex === 0 && (SAME.has(node.op) || SAME_TYPE.has(node.op))
      return same ? { next: node.inputs[0] ?? '' } : { found: undefined }
    })
    return found !== undefined && FLOATS.has(found) ? found : undefined
  }

  isUsed(scope: Scope, name: string): boolean {
    const definition = this.#connections.resolve(scope, name)
    return definition !== undefined && definition.uses.length + definition.outputOf.length > 0
  }

  #constant(scope: Scope, name = ''): TensorRef | undefined {
    const definition = this.#connections.resolve(scope, name)
    return (definition === undefined ? null : constantTensor(definition)) ?? undefined
  }

  #follow<T>(
    from: Scope,
    start: string,
    step: (
      definition: Definition,
      info: ValueInfo | undefined,
    ) => { readonly found: T | undefined } | { readonly next: string },
  ): T | undefined {
    let scope = from
    let name = start
    for (let hop = 0; hop < HOPS; hop++) {
      const definition = this.#connections.resolve(scope, name)
      if (definition === undefined) return undefined
      const answer = step(definition, this.#declared.get(definition.scope)?.get(name))
      if ('found' in answer) return answer.found
      scope = definition.scope
      name = answer.next
    }
    return undefined
  }

  #mentionsOtherFloats(): boolean {
    const other = (dtype: DType | undefined): boolean => dtype === 'f16' || dtype === 'f64' || dtype === 'bf16'
    const otherNode = (node: Node): boolean => {
      if (node.op === 'Cast' || node.op === 'CastLike')
        return node.op === 'CastLike' || intAttribute(node, 'to', 1) >= 10
      return node.attributes.some((attribute) => attribute.kind === 'tensor' && other(attribute.value.dtype))
    }
    return this.#connections.scopes.some(
      (scope) =>
        scope.initializers.some((tensor) => other(tensor.dtype)) ||
        [...(this.#declared.get(scope)?.values() ?? [])].some(
          (value) => value.dtype === undefined || other(value.dtype),
        ) ||
        scope.nodes.some(otherNode),
    )
  }
}
