import type { ActivationGrid, StaticProduct, StaticWeight } from '../../model/activation.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { cast, float32s, makeNode, uint8 } from './make.ts'

/**
 * A convolution of codes with a float result: ConvInteger, then scale and bias in float. For results that nothing reads as codes,
 * which a pair behind the convolution would only blur. onnxruntime's ConvInteger takes one zero for all weights.
 */
export function convIntegerNodes(
  node: Node,
  input: { readonly codes: string; readonly zero: string },
  grid: ActivationGrid,
  weight: StaticWeight,
  product: StaticProduct,
  bias: Float32Array | null,
  fresh: (base: string) => string,
): { readonly nodes: readonly Node[]; readonly constants: readonly TensorRef[] } {
  const output = node.outputs[0] ?? ''
  const shape = product.weight?.shape ?? []
  const channels = shape[0] ?? 1
  const perChannel = (base: string, values: Float32Array): TensorRef => ({
    ...float32s(fresh(base), values),
    shape: [channels, ...shape.slice(2).map(() => 1)],
  })
  const constants: TensorRef[] = []
  const reads = [input.codes, weight.codes.name, input.zero]
  if (weight.codes.dtype === 'u8') {
    const middle = uint8(fresh(`${weight.codes.name}/zero`), 128)
    constants.push(middle)
    reads.push(middle.name)
  }
  const [sums, floats] = [fresh(`${output}/sums`), fresh(`${output}/sums/f32`)]
  const scale = perChannel(
    `${output}/scale`,
    Float32Array.from({ length: channels }, (_, channel) =>
      Math.fround(grid.scale * (weight.scales[weight.scales.length === 1 ? 0 : channel] as number)),
    ),
  )
  constants.push(scale)
  const scaled = bias === null ? output : fresh(`${output}/scaled`)
  const nodes: Node[] = [
    { ...makeNode('ConvInteger', reads, [sums]), attributes: node.attributes },
    cast(sums, floats, 'f32'),
    makeNode('Mul', [floats, scale.name], [scaled]),
  ]
  if (bias !== null) {
    const added = perChannel(`${output}/bias`, bias)
    constants.push(added)
    nodes.push(makeNode('Add', [scaled, added.name], [output]))
  }
  return { nodes, constants }
}
