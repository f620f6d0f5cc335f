import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { writeNpz } from '../../src/calibration/write-npz.ts'
import { compare, quantize } from '../../src/node.ts'
import { buildModel, encodeModel, f32, node, value } from '../fixtures/build.ts'
import { gaussian } from '../fixtures/distribution.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

const folder = lineFolder()
const at = (name: string) => join(folder.path, name)
const [WIDTH, STEPS] = [64, 120]

/** A matrix that turns: pairs of axes by an angle each, then mixed by a reflection on both sides. Rounded, it turns by other angles. */
function turning(): Float32Array {
  const direction = [...gaussian(WIDTH, 3)]
  const length = Math.hypot(...direction)
  const mirror = (i: number, j: number) => (i === j ? 1 : 0) - (2 * direction[i]! * direction[j]!) / length ** 2
  const turn = (i: number, j: number) => {
    if (i >> 1 !== j >> 1) return 0
    const angle = 0.1 + 0.01 * (i >> 1)
    return 0.999 * (i === j ? Math.cos(angle) : (i < j ? -1 : 1) * Math.sin(angle))
  }
  const product = (a: typeof mirror, b: typeof mirror) => {
    const sums = Array.from({ length: WIDTH * WIDTH }, (_, at) => {
      let sum = 0
      for (let k = 0; k < WIDTH; k++) sum += a(Math.floor(at / WIDTH), k) * b(k, at % WIDTH)
      return sum
    })
    return (i: number, j: number) => sums[i * WIDTH + j]!
  }
  const mixed = product(product(mirror, turn), mirror)
  return Float32Array.from({ length: WIDTH * WIDTH }, (_, at) => mixed(Math.floor(at / WIDTH), at % WIDTH))
}

const model = buildModel({
  inputs: [value('x', 'f32', [1, WIDTH]), value('h', 'f32', [1, WIDTH])],
  outputs: [value('features', 'f32', [1, WIDTH]), value('h_out', 'f32', [1, WIDTH])],
  initializers: [
    f32('turn', [WIDTH, WIDTH], turning()),
    f32(
      'read',
      [WIDTH, WIDTH],
      gaussian(WIDTH * WIDTH, 4).map((one) => one / 8),
    ),
  ],
  nodes: [
    node('MatMul', ['h', 'turn'], ['turned']),
    node('Add', ['turned', 'x'], ['h_out']),
    node('MatMul', ['h_out', 'read'], ['features']),
  ],
})

/** Steps of one sequence with the states of float: all of them, or every third. */
async function given(every: number): Promise<string> {
  const session = await ort.InferenceSession.create(await encodeModel(model))
  const [inputs, states]: [number[], number[]] = [[], []]
  let state = gaussian(WIDTH, 5)
  for (let i = 0; i < STEPS * every; i++) {
    const x = gaussian(WIDTH, 100 + i).map((one) => one / 20)
    if (i % every === 0) {
      inputs.push(...x)
      states.push(...state)
    }
    const tensor = (data: Float32Array) => new ort.Tensor('float32', data, [1, WIDTH])
    const answer = await session.run({ x: tensor(x), h: tensor(state) })
    state = answer.h_out!.data as Float32Array
  }
  await session.release()
  const values = (all: number[]) => ({
    dtype: 'f32' as const,
    shape: [STEPS, 1, WIDTH],
    data: new Uint8Array(Float32Array.from(all).buffer),
  })
  const path = at(`every-${every}.npz`)
  writeFileSync(
    path,
    writeNpz(
      new Map([
        ['x', values(inputs)],
        ['h', values(states)],
      ]),
    ),
  )
  return path
}

const [follows, jumps] = [await given(1), await given(3)]
const figures = (outputs: readonly { readonly name: string; readonly cosine: number }[] | undefined, name: string) =>
  outputs?.find((one) => one.name === name)?.cosine

test.each([
  ['states that follow from the sample before', follows, 'through 119 samples'],
  ['states out of a longer sequence', jumps, 'whatever states the data give'],
])('%s: every step is fine, all of them together are not', { timeout: 30_000 }, async (_, data, said) => {
  const input = await folder.write('turning.onnx', model)
  const { verdict, notes } = await quantize(input, at('out.onnx'), { to: 'int8-weights', eval: data, force: true })
  expect(verdict).toMatchObject({ status: 'refused', samples: STEPS, threshold: { metric: 'cosine', value: 0.999 } })
  expect(verdict?.because).toMatch(/output "features": cosine .* on states of its own/)
  expect(verdict?.sequence).toMatchObject({ states: [{ input: 'h', output: 'h_out' }], steps: STEPS - 1 })
  expect(figures(verdict?.sequence?.sameStates.outputs, 'features')).toBeGreaterThan(0.9995)
  expect(figures(verdict?.sequence?.ownStates.outputs, 'features')).toBeLessThan(0.99)
  expect(notes?.join()).toContain(said)

  const compared = await compare(input, at('out.onnx'), { eval: data, minCosine: 0.999 })
  expect(compared.sequence).toEqual(verdict?.sequence)
  expect(compared.thresholds).toMatchObject([{ met: false }])
})

test('16 bits do not add up to anything, with data and made-up samples', { timeout: 30_000 }, async () => {
  const input = await folder.write('turning.onnx', model)
  const least = async (data: { eval?: string }) => {
    const { verdict } = await quantize(input, at('half.onnx'), { to: 'fp16-weights', force: true, ...data })
    expect(verdict?.status).toBe(data.eval === undefined ? 'plausible' : 'proven')
    return figures(verdict?.sequence?.ownStates.outputs, 'features')
  }
  expect(await least({ eval: jumps })).toBeGreaterThan(0.9999)
  expect(await least({})).toBeGreaterThan(0.9999)
})

test.each([
  ['follow', follows],
  ['jump', jumps],
])(
  'float outputs that were saved, or went to a file, say the same where states %s',
  { timeout: 30_000 },
  async (name, data) => {
    const input = await folder.write('turning.onnx', model)
    await quantize(input, at('four.onnx'), { to: 'int4-weights', eval: data, force: true })
    const run = async (more: object) => (await compare(input, at('four.onnx'), { eval: data, ...more })).sequence
    const plain = await run({})
    expect(plain?.steps).toBe(STEPS - 1)
    const saved = { floatOutputs: at(`${name}.bin`) }
    expect(await run(saved)).toEqual(plain)
    expect(await run(saved)).toEqual(plain)
    expect(await run({ heldBytes: 10_000 })).toEqual(plain)
  },
)

test('samples held back from --calib: all of them bring the states, they alone are judged', {
  timeout: 30_000,
}, async () => {
  const input = await folder.write('turning.onnx', model)
  const { verdict } = await quantize(input, at('calib.onnx'), { to: 'int8-weights', calib: follows, force: true })
  expect(verdict).toMatchObject({ samples: STEPS / 4, sequence: { steps: STEPS - 1 } })
  expect(verdict?.sequence?.ownStates.outputs).toMatchObject([{ samples: STEPS / 4 }, { carried: true }])
})

test('states that the data leave out: each model has its own, and once more float has them for both', {
  timeout: 30_000,
}, async () => {
  const input = await folder.write('turning.onnx', model)
  const x = gaussian(STEPS * WIDTH, 9).map((one) => one / 20)
  const data = new Uint8Array(x.slice().buffer)
  writeFileSync(at('x.npz'), writeNpz(new Map([['x', { dtype: 'f32', shape: [STEPS, 1, WIDTH], data }]])))
  const { verdict } = await quantize(input, at('x.onnx'), { to: 'int4-weights', eval: at('x.npz'), force: true })
  expect(verdict?.sequence?.ownStates.outputs).toEqual(verdict?.outputs)
  const [own, same] = [verdict?.sequence?.ownStates.outputs, verdict?.sequence?.sameStates.outputs]
  expect(figures(same, 'features')! - figures(own, 'features')!).toBeGreaterThan(0.05)
})
