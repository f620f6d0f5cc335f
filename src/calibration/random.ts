/** A stream of random numbers from a seed: the same in every engine, on every machine. */
export interface Random {
  /** An integer in [0, 2^32). */
  word(): number
  /** In [0, 1), with 32 bits. */
  uniform(): number
  /** An integer in [min, max], both included; at most 2^32 values. */
  between(min: number, max: number): number
  /** Mean 0, deviation 1, within +-4.25: a sum of six uniforms, so that no transcendental function is asked. */
  gaussian(): number
}

/** xoshiro128** (Blackman and Vigna, 2018) on 32-bit words, its state filled from the seed and the name of the stream. */
export function randomStream(seed: number, name: string): Random {
  let mixing = 0
  const mix = (word: number): number => {
    mixing = Math.imul((mixing ^ word) + 0x9e3779b9, 0x85ebca6b) >>> 0
    mixing ^= mixing >>> 13
    mixing = Math.imul(mixing, 0xc2b2ae35) >>> 0
    mixing = (mixing ^ (mixing >>> 16)) >>> 0
    return mixing
  }
  mix(seed >>> 0)
  mix(Math.floor(seed / 4294967296) >>> 0)
  for (let i = 0; i < name.length; i += 1) mix(name.charCodeAt(i))
  let a = mix(1)
  let b = mix(2)
  let c = mix(3)
  // All zeros is the one state that never leaves itself.
  let d = mix(4) | 1

  const word = (): number => {
    const product = Math.imul(b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    return result
  }
  const uniform = () => word() / 4294967296
  return {
    word,
    uniform,
    between: (min, max) => min + Math.floor(uniform() * (max - min + 1)),
    gaussian() {
      let sum = -3
      for (let i = 0; i < 6; i += 1) sum += uniform()
      return sum * Math.SQRT2
    },
  }
}
