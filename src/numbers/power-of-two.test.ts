import { expect, test } from 'vitest'
import { floorLog2, powerOfTwo } from './power-of-two.ts'

test('powers are exact, and floorLog2 is their inverse over all of f32', () => {
  let power = 1
  for (let exponent = 0; exponent <= 320; exponent++, power *= 2) {
    expect(powerOfTwo(exponent)).toBe(power)
    expect(powerOfTwo(-exponent)).toBe(1 / power)
  }
  for (let exponent = -149; exponent <= 127; exponent++) {
    expect(floorLog2(powerOfTwo(exponent))).toBe(exponent)
    expect(floorLog2(-1.75 * powerOfTwo(exponent))).toBe(exponent < -147 ? exponent + 1 : exponent)
  }
  expect(floorLog2(0)).toBe(-150)
  expect(floorLog2(Number.POSITIVE_INFINITY)).toBe(128)
  expect(floorLog2(3.4028234663852886e38)).toBe(127)
})
