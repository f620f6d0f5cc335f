import { describe, expect, it } from 'vitest'
import { body, floats, op } from '../../test/fixtures/graph-sketch.ts'
import {
  attributeOf,
  floatAttribute,
  floatsAttribute,
  graphAttribute,
  intAttribute,
  intsAttribute,
  stringAttribute,
  stringsAttribute,
  tensorAttribute,
} from './attributes.ts'

const graph = body({ outputs: '', nodes: [] })
const tensor = floats('t', [1])
const node = op('X', '', '', {
  axis: -1,
  big: 9223372036854775807n,
  eps: 0.5,
  mode: 'a',
  perm: [1, 0],
  keys: ['k'],
  graph,
  tensor,
})

describe('attribute getters', () => {
  it('give the value by kind', () => {
    expect(intAttribute(node, 'axis', 0)).toBe(-1)
    expect(floatAttribute(node, 'eps', 1)).toBe(0.5)
    expect(stringAttribute(node, 'mode', '')).toBe('a')
    expect(intsAttribute(node, 'perm')).toEqual([1, 0])
    expect(stringsAttribute(node, 'keys')).toEqual(['k'])
    expect(tensorAttribute(node, 'tensor')).toBe(tensor)
    expect(graphAttribute(node, 'graph')).toBe(graph)
    expect(attributeOf(node, 'mode')?.kind).toBe('string')
  })

  it('give the fallback when the attribute is absent or of another kind', () => {
    expect(intAttribute(node, 'none', 7)).toBe(7)
    expect(intAttribute(node, 'mode', 7)).toBe(7)
    expect(intAttribute(node, 'none')).toBeUndefined()
    expect(floatAttribute(node, 'axis', 2)).toBe(2)
    expect(floatsAttribute(node, 'perm')).toBeUndefined()
    expect(stringAttribute(node, 'axis', 'x')).toBe('x')
    expect(tensorAttribute(node, 'graph')).toBeUndefined()
  })

  it('clamp whole numbers to the safe range', () => {
    expect(intAttribute(node, 'big', 0)).toBe(Number.MAX_SAFE_INTEGER)
  })
})
