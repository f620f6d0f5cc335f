import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { asRead, buildModel, f32, graph, i64, node, value } from '../../../test/fixtures/build.ts'
import { runOnnx } from '../../../test/fixtures/run-onnx.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import { connect } from '../consumers.ts'
import { applyEdits } from '../edit.ts'
import { freshNames } from '../fresh-names.ts'
import { scopeKey, scopesOf } from '../walk.ts'
import { bodiesAsModels } from './body-models.ts'
import { moveConstantsInward } from './inward-constants.ts'
import { nameOwners } from './named-owners.ts'
import { withBodies } from './with-bodies.ts'

const read = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error(`${ref.name} is ${ref.storage.kind}`)
  return ref.storage.bytes
}
const wave = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, index) => Math.sin(seed + index * 1.7))

/**
 * y by one of two branches; the first holds another If. `only` is read in the first branch alone, `inner` in the If inside it
 * alone, `shared` by both branches, `limit` (short) by both.
 */
function branching(): Model {
  return buildModel({
    inputs: [value('x', 'f32', ['n', 16]), value('flag', 'bool', []), value('deep', 'bool', [])],
    outputs: [value('y', 'f32', ['n', 16])],
    initializers: [
      f32('only', [16, 16], wave(256, 1)),
      f32('inner', [16, 16], wave(256, 2)),
      f32('shared', [16, 16], wave(256, 3)),
      f32('limit', [], [0.5]),
    ],
    nodes: [
      node('Tanh', ['x'], ['t']),
      node('Constant', [], ['spelled'], { value: f32('', [16], wave(16, 4)) }),
      node(
        'If',
        ['flag'],
        ['y'],
        {
          then_branch: graph({
            outputs: [value('a', 'f32', ['n', 16])],
            nodes: [
              node('MatMul', ['t', 'only'], ['p']),
              node('If', ['deep'], ['q'], {
                then_branch: graph({
                  outputs: [value('b', 'f32', ['n', 16])],
                  nodes: [node('MatMul', ['p', 'inner'], ['m']), node('Add', ['m', 'x'], ['b'])],
                }),
                else_branch: graph({ outputs: [value('c')], nodes: [node('Mul', ['p', 'limit'], ['c'])] }),
              }),
              node('MatMul', ['q', 'shared'], ['a']),
            ],
          }),
          else_branch: graph({
            outputs: [value('d', 'f32', ['n', 16])],
            nodes: [
              node('MatMul', ['t', 'shared'], ['s']),
              node('Min', ['s', 'limit'], ['l']),
              node('Add', ['l', 'spelled'], ['d']),
            ],
          }),
        },
        { name: 'choose' },
      ),
    ],
  })
}
const FEEDS = [true, false].flatMap((flag) =>
  [true, false].map((deep) => ({
    x: new ort.Tensor('float32', wave(48, 9), [3, 16]),
    flag: new ort.Tensor('bool', [flag], []),
    deep: new ort.Tensor('bool', [deep], []),
  })),
)

async function expectSame(before: Model, after: Model, inputs: readonly Record<string, ort.Tensor>[]): Promise<void> {
  for (const feeds of inputs) {
    for (const optimized of [true, false]) {
      const [a, b] = [await runOnnx(before, feeds, optimized), await runOnnx(after, feeds, optimized)]
      for (const name of Object.keys(a)) {
        const [wanted, found] = [a[name]!.data as Float32Array, b[name]!.data as Float32Array]
        expect(found.length).toBe(wanted.length)
        // A fused product and sum rounds once.
        const furthest = wanted.reduce((most, one, index) => Math.max(most, Math.abs(one - found[index]!)), 0)
        expect(furthest).toBeLessThan(optimized ? 1e-5 : 1e-6)
      }
    }
  }
}

/** Every product of the body gets its weight under a new name, through Identity, and gives its result through two Negs. */
function changed(body: Model): Model {
  const fresh = freshNames(body)
  const replace = new Map(
    body.graph.nodes.flatMap((one) => {
      if (one.op !== 'MatMul') return []
      const [weight, back] = [fresh('w'), fresh('back')]
      const nodes = [
        node('Identity', [one.inputs[1]!], [weight]),
        { ...one, inputs: [one.inputs[0]!, weight], outputs: [fresh('made')] },
      ]
      const negated = node('Neg', [nodes[1]!.outputs[0]!], [back])
      return [[one, [...nodes, negated, node('Neg', [back], one.outputs)]] as const]
    }),
  )
  const addInitializers = [f32(fresh('extra'), [1], [1])]
  return applyEdits(body, [{ scope: [], replace, addInitializers, opsets: [{ domain: 'com.microsoft', version: 1 }] }])
}

describe('constants move inward', () => {
  test('into the innermost body that sees all readers', async () => {
    const before = branching()
    const after = moveConstantsInward(before)
    const owners = new Map(connect(after).definitions.map((one) => [one.name, one.scope.path]))
    expect(owners.get('only')).toEqual(['choose', 'then_branch'])
    expect(owners.get('inner')).toEqual(['choose', 'then_branch', 'If#1', 'then_branch'])
    expect(owners.get('spelled')).toEqual(['choose', 'else_branch'])
    expect([owners.get('shared'), owners.get('limit')]).toEqual([[], []])
    await expectSame(before, after, FEEDS)
  })

  test('not what the graph gives, nor defaults of inputs; nothing to move is the same model', () => {
    const body = graph({ outputs: [value('b')], nodes: [node('Add', ['k', 'd'], ['b'])] })
    const other = graph({ outputs: [value('c')], nodes: [node('Neg', ['x'], ['c'])] })
    const model = buildModel({
      inputs: [value('flag', 'bool', []), value('x', 'f32', [1]), value('d', 'f32', [1])],
      outputs: [value('y'), value('k', 'f32', [1])],
      initializers: [f32('k', [1], [1]), f32('d', [1], [1])],
      nodes: [node('If', ['flag'], ['y'], { then_branch: body, else_branch: other })],
    })
    expect(moveConstantsInward(model)).toBe(model)
  })
})

describe('bodies as models', () => {
  test('captured values become inputs, short constants are lent, long shared ones stay outside', async () => {
    const bodies = await bodiesAsModels(moveConstantsInward(branching()), read)
    expect(bodies.map(({ path }) => path.join(' '))).toEqual([
      'choose then_branch',
      'choose then_branch If#1 then_branch',
      'choose then_branch If#1 else_branch',
      'choose else_branch',
    ])
    const [then, inner, , other] = bodies
    expect([then!.captured, then!.lent]).toEqual([['x', 't', 'deep', 'shared'], ['limit']])
    expect(then!.model.graph.inputs[1]).toEqual(value('t', 'f32', [null, 16]))
    expect(then!.outside.get('shared')).toBe('a constant of the main graph, which others read too')
    expect([inner!.captured, inner!.model.graph.initializers.map(({ name }) => name)]).toEqual([['p', 'x'], ['inner']])
    expect([other!.captured, other!.lent]).toEqual([['t', 'shared'], ['limit']])
  })

  test('each runs on its own', async () => {
    const [, inner] = await bodiesAsModels(moveConstantsInward(branching()), read)
    const p = new ort.Tensor('float32', wave(16, 5), [1, 16])
    const { b } = await runOnnx(inner!.model, { p, x: p }, true)
    expect(b!.dims).toEqual([1, 16])
  })

  test('put back as they were, they are the same model', async () => {
    const model = moveConstantsInward(branching())
    const bodies = await bodiesAsModels(model, read)
    const same = withBodies(model, new Map(bodies.map((one) => [one.key, one.model])))
    const facts = (one: Model) =>
      scopesOf(one).map(({ path, nodes, initializers, inputs }) => [path, nodes, initializers, inputs])
    expect(facts(same)).toEqual(facts(model))
    expect(withBodies(model, new Map())).toBe(model)
  })

  test('changed all at once: every name once, and the same results', async () => {
    for (const model of [
      branching(),
      moveConstantsInward(branching()),
      await asRead(moveConstantsInward(branching())),
    ]) {
      const bodies = await bodiesAsModels(model, read)
      const after = withBodies(model, new Map(bodies.map((one) => [one.key, changed(one.model)])))
      const names = connect(after).definitions.map(({ name }) => name)
      expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
      expect(connect(after).loose).toEqual([])
      expect(names).toContain('extra_1')
      expect(after.opsets.map(({ domain }) => domain)).toContain('com.microsoft')
      await expectSame(branching(), after, FEEDS)
    }
  })

  test('put back into a main graph that changed in between', async () => {
    const model = nameOwners(moveConstantsInward(branching()))
    const keys = (one: Model) => scopesOf(one).map(({ path }) => scopeKey(path))
    expect(nameOwners(model)).toBe(model)
    const bodies = await bodiesAsModels(model, read)
    const tanh = model.graph.nodes[0]!
    const back = [node('Neg', ['x'], ['minus']), node('Tanh', ['minus'], ['w']), node('Neg', ['w'], ['t'])]
    const main = applyEdits(model, [{ scope: [], replace: new Map([[tanh, back]]) }])
    expect(keys(main)).toEqual(keys(model))
    const after = withBodies(main, new Map(bodies.map((one) => [one.key, changed(one.model)])))
    const names = connect(after).definitions.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    await expectSame(branching(), after, FEEDS)
  })

  test('what was lent may be replaced in the body', async () => {
    const model = branching()
    const bodies = await bodiesAsModels(model, read)
    const other = bodies.at(-1)!
    const edit = {
      scope: [],
      removeInitializers: ['limit'],
      addInitializers: [f32('half', [], [0.25])],
      prepend: [node('Add', ['half', 'half'], ['limit'])],
    }
    const after = withBodies(model, new Map([[other.key, applyEdits(other.model, [edit])]]))
    expect(connect(after).definitions.map(({ name }) => name)).toContain('limit_1')
    await expectSame(model, after, FEEDS)
  })

  test('bodies of Loop: own inputs first', async () => {
    const model = buildModel({
      inputs: [value('x', 'f32', [1, 16]), value('n', 'i64', [])],
      outputs: [value('y', 'f32', [1, 16]), value('all')],
      initializers: [
        f32(
          'w',
          [16, 16],
          wave(256, 1).map((one) => one / 8),
        ),
      ],
      nodes: [
        node('Loop', ['n', '', 'x'], ['y', 'all'], {
          body: graph({
            inputs: [value('i', 'i64', []), value('going', 'bool', []), value('state', 'f32', [1, 16])],
            outputs: [value('on', 'bool', []), value('next', 'f32', [1, 16]), value('seen', 'f32', [1, 16])],
            nodes: [
              node('Identity', ['going'], ['on']),
              node('MatMul', ['state', 'w'], ['m']),
              node('Add', ['m', 'x'], ['next']),
              node('Relu', ['next'], ['seen']),
            ],
          }),
        }),
      ],
    })
    const inward = moveConstantsInward(model)
    const [body] = await bodiesAsModels(inward, read)
    expect(body!.model.graph.inputs.map(({ name }) => name)).toEqual(['i', 'going', 'state', 'x'])
    expect(body!.model.graph.initializers.map(({ name }) => name)).toEqual(['w'])
    const after = withBodies(inward, new Map([[body!.key, changed(body!.model)]]))
    const x = new ort.Tensor('float32', wave(16, 3), [1, 16])
    await expectSame(model, after, [{ x, n: new ort.Tensor('int64', [3n], []) }])
  })

  test('what does not fit is our fault', async () => {
    const model = branching()
    const bodies = await bodiesAsModels(model, read)
    const [then, inner] = bodies
    const raised = { ...then!.model, opsets: [{ domain: '', version: 18 }] }
    expect(() => withBodies(model, new Map([[then!.key, raised]]))).toThrow('raise the whole model first')
    const nowhere = new Map([[scopeKey(['nowhere', 'body']), then!.model]])
    expect(() => withBodies(model, nowhere)).toThrow('does not exist')
    expect(() => withBodies(model, new Map([[then!.key, inner!.model]]))).toThrow('outputs "b"')
    const copied = structuredClone(then!.model)
    const both = new Map([
      [then!.key, copied],
      [inner!.key, inner!.model],
    ])
    expect(() => withBodies(model, both)).toThrow('changed by what changed around it')
  })

  test('a model without bodies has none; functions are left out', async () => {
    const model = buildModel({
      inputs: [value('x', 'f32', [1])],
      outputs: [value('y', 'f32', [1])],
      initializers: [i64('k', [1], [1])],
      nodes: [node('Relu', ['x'], ['y'])],
    })
    expect(await bodiesAsModels(model, read)).toEqual([])
  })
})
