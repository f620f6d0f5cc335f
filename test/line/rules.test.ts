import { describe, expect, test } from 'vitest'
import type { TersorError } from '../../src/errors.ts'
import { type FileOptions, plan, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { gemm, matmul } from '../fixtures/line-models.ts'

const folder = lineFolder()
const path = folder.write('model.onnx', matmul().model)
const decisionsOf = async (options: FileOptions): Promise<Record<string, string>> => {
  const { decisions } = await plan(await path, options)
  return Object.fromEntries(decisions.map(({ tensor, scheme, because }) => [tensor, scheme ?? because.code]))
}
const refused = (options: FileOptions): Promise<TersorError> =>
  decisionsOf(options).then(
    () => Promise.reject(new Error('nothing was thrown')),
    (error) => error,
  )

describe('rules', () => {
  const int8 = 'int8-channel-sym-f16'

  test.each<[string, string[], object]>([
    ['an exact tensor', ['w1=keep'], { w1: 'kept-by-rule', w2: int8 }],
    ['an exact node', ['second=keep'], { w1: int8, w2: 'kept-by-rule' }],
    ['a glob', ['glob:w*=f16'], { w1: 'f16', w2: 'f16', b1: 'too-small' }],
    ['an expression', ['re:2$=bf16'], { w1: int8, w2: 'bf16' }],
    ['an operator', ['op:MatMul=int4-block16-asym'], { w1: 'int4-block16-asym', w2: 'int4-block16-asym' }],
    ['the first layer', ['first:1=keep'], { w1: 'kept-by-rule', w2: int8 }],
    ['the last layer', ['last:1=keep'], { w1: int8, w2: 'kept-by-rule' }],
    ['from a node on', ['from:second=f16'], { w1: int8, w2: 'f16' }],
    ['up to a node', ['to:first=f16'], { w1: 'f16', w2: int8 }],
    ['a preset', ['w2=int4-weights'], { w1: int8, w2: 'int4-block32-sym-f16' }],
    ['the later of two', ['glob:w*=f16', 'op:MatMul=bf16'], { w1: 'bf16', w2: 'bf16' }],
    ['the exact one, wherever it stands', ['w1=f16', 'glob:*=keep'], { w1: 'f16', w2: 'kept-by-rule' }],
    ['the later of two exact ones', ['w1=f16', 'first=bf16'], { w1: 'bf16', w2: int8 }],
  ])('%s', async (_, rules, expected) => {
    expect(await decisionsOf({ to: 'int8-weights', rules })).toMatchObject(expected)
  })

  test('the reason names the rule', async () => {
    const { decisions } = await plan(await path, { to: 'int8-weights', rules: ['w2=f16', 'first:1=keep'] })
    expect(decisions.map(({ because }) => because)).toMatchObject([
      { code: 'kept-by-rule', text: 'rule first:1=keep' },
      { code: 'too-small' },
      { code: 'asked', text: 'rule w2=f16' },
    ])
  })

  test.each([
    ['one without a match', 'w3=keep', /matches nothing/, /w1|w2/],
    ['a pattern without a match', 'glob:encoder.*=keep', /matches nothing/, /near names/],
    ['an operator that is not there', 'op:Conv=keep', /matches nothing/, /MatMul/],
    ['a node that is not there', 'from:secnd=keep', /matches nothing/, /second/],
    ['an unknown kind', 'name:w1=keep', /matches nothing/, /w1/],
    ['no rule at all', 'w1', /PATTERN=WHAT/, /--rule/],
    ['an unknown scheme', 'w1=int8-chanel-sym', /int8-chanel-sym/, /int8-channel-sym/],
    ['an unknown preset', 'w1=int4-wieghts', /int4-wieghts/, /int4-weights/],
  ])('%s is a usage error with near names', async (_, rule, message, hint) => {
    const error = await refused({ to: 'int8-weights', rules: [rule] })
    expect(error.code).toBe('E_USAGE')
    expect(error.message).toMatch(message)
    expect(error.hint).toMatch(hint)
  })
})

describe('what to quantize to', () => {
  test.each([
    ['int8-wieghts', /int8-weights/],
    ['int4-blok32-sym', /int4-block32-sym/],
    ['fp16-weight', /fp16-weights/],
    ['nonsense', /presets: auto, int8/],
  ])('%s is unknown, with near names', async (to, hint) => {
    const error = await refused({ to })
    expect(error.code).toBe('E_USAGE')
    expect(error.hint).toMatch(hint)
  })

  test.each(['int3-channel-asym', 'mxfp4', 'nf4-row'])('%s is refused by name, also in a rule', async (to) => {
    expect(await refused({ to })).toMatchObject({ code: 'E_UNSUPPORTED', message: expect.stringContaining(to) })
    expect(await refused({ rules: [`w1=${to}`] })).toMatchObject({ code: 'E_UNSUPPORTED' })
  })

  test.each<[object, string]>([
    [{ solver: 'best' }, 'E_USAGE'],
    [{ lowering: 'magic' }, 'E_USAGE'],
    [{ target: 'ort-phone' }, 'E_USAGE'],
    [{ target: 'ort-node-cpu@1.2.0' }, 'E_UNSUPPORTED'],
  ])('%o is refused', async (options, code) => {
    expect(await refused(options)).toMatchObject({ code })
  })

  test('nothing is written when the question is wrong', async () => {
    const output = `${await path}.out`
    await expect(quantize(await path, output, { to: 'int9' })).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(plan(output)).rejects.toMatchObject({ code: 'E_USAGE', message: expect.stringContaining('no file') })
  })
})

describe('targets', () => {
  test.each(['ort', 'ort-node-cpu', 'ort-web-wasm', 'ort-node-cpu,ort-web-wasm', 'ort@1.30.0', 'ort-web-webgpu@2.0.0'])(
    '%s is known',
    async (target) => {
      const decided = await decisionsOf({ to: 'int4-weights', target })
      expect(decided.w1).toMatch(/^int[48]-/)
    },
  )

  test('a list takes only what each of them executes', async () => {
    const model = await folder.write('gemm.onnx', gemm().model)
    const lowerings = async (target: string) =>
      (await plan(model, { to: 'int8', target })).decisions.flatMap(({ lowering }) => lowering ?? [])
    const INTEGER = expect.stringMatching(/^onnx\/matmul-integer/)
    expect(await lowerings('ort-node-cpu')).toEqual([INTEGER, INTEGER])
    expect(await lowerings('ort-node-cpu,ort-web-webgpu')).toEqual(['onnx/expand', 'onnx/expand'])
  })
})
