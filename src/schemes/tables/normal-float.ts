/**
 * nf4, nf3, nf2: levels at quantiles of the normal distribution, so that Gaussian weights use all codes alike.
 *
 *   value = scale * level(code)      code in [0, 2^bits - 1]; level(0) = -1, level(2^bits - 1) = 1, one level is 0
 *   bits + bits of the scale / block per weight      (nf4, block 64, f32 scales: 4.5)
 *
 * QLoRA (Dettmers et al. 2023); nf4 is the table of bitsandbytes, the others follow its rule, see the test.
 */
import type { LevelTable } from '../../model/array-scheme.ts'

/**
 * With m = 2^bits and p = 1 - (1/(2m) + 1/(2m - 2)) / 2: normal quantiles at m/2 even steps from p down to 1/2, and the
 * negatives of those at m/2 - 1 even steps; 1/2 itself once; all divided by the largest.
 */
export const NF4: LevelTable = {
  levels: Float32Array.of(
    -1,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1,
  ),
}

export const NF3: LevelTable = {
  levels: Float32Array.of(
    -1,
    -0.5350227355957031,
    -0.24693143367767334,
    0,
    0.1833374798297882,
    0.38199394941329956,
    0.6229857206344604,
    1,
  ),
}

export const NF2: LevelTable = { levels: Float32Array.of(-1, 0, 0.4358181655406952, 1) }
