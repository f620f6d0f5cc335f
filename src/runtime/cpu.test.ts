import { describe, expect, it } from 'vitest'
import { cpuFacts } from './cpu.node.ts'

describe('cpu facts', () => {
  it('keeps the telling flags of x86 and ARM', () => {
    expect(cpuFacts('processor : 0\nflags\t\t: fpu sse2 avx2 avx512_vnni rdtscp\nflags: avx512f\n')).toEqual([
      process.arch,
      'avx2',
      'avx512_vnni',
    ])
    expect(cpuFacts('Features\t: fp asimd asimddp i8mm\n')).toEqual([process.arch, 'asimddp', 'i8mm'])
  })

  it('is never empty', () => {
    expect(cpuFacts('').length).toBeGreaterThan(0)
  })
})
