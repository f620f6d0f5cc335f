import { TersorError } from '../../errors.ts'
import { sinPi } from '../cosine.ts'

/** Zero crossings of the kernel on each side. */
const REACH = 32
/** Where the band ends, as a share of half the lower rate: -6 dB there. */
const CUT = 0.92
/** Shape of the Kaiser window: about 80 dB. */
const BETA = 8
const MOST_WEIGHTS = 1 << 24

/**
 * Another rate by a windowed sinc: Kaiser window over 32 zero crossings; flat up to 0.84 of half the lower rate, -6 dB at 0.92,
 * below -80 dB from 1.0 on. Phases are exact (the ratio of the rates in lowest terms), weights of each phase sum to 1, sums are doubles in
 * one fixed order: the same bits everywhere. Outside the sound is silence. A sample at time 0 stays at time 0.
 */
export function resampleSound(sound: Float64Array, from: number, to: number, label: string): Float64Array {
  if (from === to) return sound
  const common = greatestCommon(from, to)
  const [up, down] = [to / common, from / common]
  const widening = Math.max(1, down / up)
  const half = Math.ceil((REACH * widening) / CUT)
  if (up * (2 * half + 1) > MOST_WEIGHTS) {
    throw new TersorError('E_UNSUPPORTED', `${label}: ${from} Hz to ${to} Hz has no short ratio`, {
      where: label,
      hint: 'resample the file, or say the rate of the model: --preprocess rate=16000',
    })
  }
  const phases = phasesOf(up, half, CUT / widening)
  const length = Math.floor((sound.length * up) / down)
  const target = new Float64Array(length)
  for (let i = 0; i < length; i += 1) {
    const middle = Math.floor((i * down) / up)
    const weights = phases[(i * down) % up]!
    let sum = 0
    const first = Math.max(0, half - middle)
    const last = Math.min(2 * half, sound.length - 1 - middle + half)
    for (let k = first; k <= last; k += 1) sum += weights[k]! * sound[middle - half + k]!
    target[i] = sum
  }
  return target
}

/** For each phase p of `up`: weights of the samples from `half` before to `half` after the one at or before the time p / up. */
function phasesOf(up: number, half: number, cut: number): readonly Float64Array[] {
  return Array.from({ length: up }, (_, phase) => {
    const weights = new Float64Array(2 * half + 1)
    let sum = 0
    for (let k = 0; k < weights.length; k += 1) {
      const x = (k - half - phase / up) * cut
      const inside = x > -REACH && x < REACH
      weights[k] = inside ? (x === 0 ? 1 : sinPi(x) / (Math.PI * x)) * kaiser(x / REACH) : 0
      sum += weights[k]!
    }
    for (let k = 0; k < weights.length; k += 1) weights[k] = weights[k]! / sum
    return weights
  })
}

/** 1 in the middle, for -1 < x < 1. */
function kaiser(x: number): number {
  return bessel(BETA * Math.sqrt(1 - x * x)) / bessel(BETA)
}

/** The modified Bessel function of order 0 by its series; 40 terms are beyond double precision for what is asked here. */
function bessel(x: number): number {
  let term = 1
  let sum = 1
  for (let k = 1; k <= 40; k += 1) {
    term *= (x / (2 * k)) * (x / (2 * k))
    sum += term
  }
  return sum
}

function greatestCommon(a: number, b: number): number {
  return b === 0 ? a : greatestCommon(b, a % b)
}
