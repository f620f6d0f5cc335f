/** The graph of a language model as exporters write it, for `writeModel`: token ids to logits, weights drawn at random. */
import { floats, node } from './onnx-writer.mjs'

/** `heads` of width / heads each; norms are decomposed RMSNorms with gains of their own, the head is a matrix of its own. */
export const languageDecoder = ({ layers, width, heads, inner, words }) => {
  const nodes = []
  const tensors = []
  const add = (op, inputs, output, attributes) => {
    nodes.push(node(op, inputs, [output], attributes))
    return output
  }
  const constant = (name, attributes) => add('Constant', [], name, attributes)
  const single = (name, value) => constant(name, { value: floats('', [], Float32Array.of(value)) })
  const linear = (name, x, [rows, columns], gain = 1) => {
    tensors.push({ name: `${name}.weight`, dims: [rows, columns], deviation: gain / Math.sqrt(rows) })
    return add('MatMul', [x, `${name}.weight`], name)
  }
  const norm = (name, x) => {
    const gains = Float32Array.from({ length: width }, (_, i) => 0.5 + ((i * 7919) % 101) / 101)
    const square = add('Pow', [x, 'two'], `${name}.square`)
    const mean = add('ReduceMean', [square], `${name}.mean`, { axes: [-1] })
    const root = add('Sqrt', [add('Add', [mean, 'epsilon'], `${name}.above`)], `${name}.root`)
    const even = add('Div', [x, root], `${name}.even`)
    const gain = constant(`${name}.weight`, { value: floats('', [width], gains) })
    return add('Mul', [even, gain], name)
  }
  single('two', 2)
  single('epsilon', 1e-5)
  single('scale', 1 / Math.sqrt(width / heads))
  constant('split', { value_ints: [0, 0, heads, width / heads] })
  constant('merge', { value_ints: [0, 0, width] })
  constant('one', { value_ints: [1] })
  // Nobody looks ahead.
  const length = add('Gather', [add('Shape', ['ids'], 'sizes'), 'one'], 'length', { axis: 0 })
  const square = add('Concat', [length, length], 'square', { axis: 0 })
  const all = add('ConstantOfShape', [square], 'all', { value: floats('', [1], Float32Array.of(-1e4)) })
  const mask = add('Trilu', [all, constant('next', { value: integer(1) })], 'mask', { upper: 1 })
  tensors.push({ name: 'embedding', dims: [words, width], deviation: 1 })
  let x = add('Gather', ['embedding', 'ids'], 'h0')
  const small = 1 / Math.sqrt(2 * layers)
  for (let layer = 0; layer < layers; layer++) {
    const at = (name) => `layers.${layer}.${name}`
    const own = norm(at('norm'), x)
    const part = (name, perm) => {
      const flat = linear(at(name), own, [width, width])
      return add('Transpose', [add('Reshape', [flat, 'split'], at(`${name}.split`))], at(`${name}.heads`), { perm })
    }
    const [q, k, v] = [part('q', [0, 2, 1, 3]), part('k', [0, 2, 3, 1]), part('v', [0, 2, 1, 3])]
    const scores = add('Mul', [add('MatMul', [q, k], at('products')), 'scale'], at('scores'))
    const seen = add('Softmax', [add('Add', [scores, mask], at('masked'))], at('seen'), { axis: 3 })
    const turned = add('Transpose', [add('MatMul', [seen, v], at('mixed'))], at('turned'), { perm: [0, 2, 1, 3] })
    const merged = add('Reshape', [turned, 'merge'], at('merged'))
    x = add('Add', [x, linear(at('o'), merged, [width, width], small)], at('between'))
    const second = norm(at('norm2'), x)
    const gate = linear(at('gate'), second, [width, inner])
    const swish = add('Mul', [gate, add('Sigmoid', [gate], at('sigmoid'))], at('swish'))
    const gated = add('Mul', [swish, linear(at('up'), second, [width, inner])], at('gated'))
    x = add('Add', [x, linear(at('down'), gated, [inner, width], small)], `h${layer + 1}`)
  }
  linear('logits', norm('norm', x), [width, words])
  return {
    nodes,
    tensors,
    inputs: [['ids', ['N', 'S'], 7]],
    outputs: [['logits', ['N', 'S', words]]],
  }
}

/** An int64 TensorProto without dimensions. */
const integer = (value) => {
  const data = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)
  return Uint8Array.from([2 * 8, 7, 9 * 8 + 2, data.length, ...data])
}
