/**
 * nf4, nf3, nf2: levels at quantiles of the normal distribution, so that Gaussian weights use all codes alike.
 *
 *   value = scale * level(code)      code in [0, 2^bits - 1]; level(0) = -1, level(2^bits - 1) = 1, one level is 0
 *   bits + bits of the scale / block per weight      (nf4, block 64, f32 scales: 4.5)
 *
 * QLoRA (Dettmers et al. 2023); nf4 is the table of bitsandbytes, the others follow its rule, see the test.
 */
import type { LevelTable } from '../../model/array-scheme.ts'
import { NF2_LEVELS, NF3_LEVELS, NF4_LEVELS } from '../../numbers/level-tables/normal-float.ts'

/**
 * With m = 2^bits and p = 1 - (1/(2m) + 1/(2m - 2)) / 2: normal quantiles at m/2 even steps from p down to 1/2, and the
 * negatives of those at m/2 - 1 even steps; 1/2 itself once; all divided by the largest.
 */
export const NF4: LevelTable = { levels: NF4_LEVELS }

export const NF3: LevelTable = { levels: NF3_LEVELS }

export const NF2: LevelTable = { levels: NF2_LEVELS }
